"""Promise: published patch files become rows and single patches, or all their faults at once."""

from __future__ import annotations

import sys
import tracemalloc
from pathlib import Path

import h5py
import numpy as np
import pytest
import yaml

from hrtem_shift.errors import InputError, InputErrors
from hrtem_shift.micrographs import patch_files
from hrtem_shift.micrographs.patch_files import parse_family_name, patch_rows, read_patch

CONF = Path(__file__).parents[2] / "conf"
ODD = "Au_5nm_330kx_423e_UTC_Team05_Std_Sess0821FFCorr"
USUAL = "_Std_UTC_FFCorr_Team05"
TINY = "Au_2p2nm_330kx_423e" + USUAL
PUBLISHED = {
    TINY: "2.2 Au 0.020 423",
    "Au_10nm_330kx_425e" + USUAL: "10 Au 0.020 425",
    "Au_5nm_330kx_80e" + USUAL: "5 Au 0.020 80",
    "Au_5nm_330kx_884e" + USUAL: "5 Au 0.020 884",
    ODD: "5 Au 0.020 423",
    "Ag_5nm_330kx_423e" + USUAL: "5 Ag 0.020 423",
    "CdSe_5nm_330kx_421e" + USUAL: "5 CdSe 0.020 421",
    "Au_5nm_160kx_425e" + USUAL: "5 Au 0.042 425",
    "Au_5nm_205kx_420e" + USUAL: "5 Au 0.033 420",
    "Au_5nm_260kx_450e" + USUAL: "5 Au 0.026 450",
}
"""All names in model_details.csv of the release, and diameter, material, pixel, dose as there."""

IMAGES = np.random.default_rng(7).normal(size=(3, 64, 64))
LABELS = (IMAGES > 0.5).astype(np.float64)


def write(root: Path, name: str, images=IMAGES, labels=LABELS, keys=("images", "labels")) -> None:
    endings = ("_Images.h5", "_Labels.h5")
    for ending, key, content in zip(endings, keys, (images, labels), strict=True):
        if content is not None:
            with h5py.File(root / f"{name}{ending}", "w") as file:
                file[key] = content


def refusal(root: Path) -> list[str]:
    with pytest.raises(InputErrors) as caught:
        patch_rows(root)
    return [f"{Path(error.where).name}: {error.what}" for error in caught.value.errors]


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_name_says_what_was_imaged(name):
    columns = parse_family_name(name)
    diameter, material, pixel, dose = PUBLISHED[name].split()
    assert columns == {
        "pixel_size_nm": pixel,
        "dose_e_per_A2": dose,
        "material": material,
        "diameter_nm": diameter,
        "family": "_".join(name.split("_")[:4]),
    }


@pytest.mark.parametrize(
    "name", ["", "Au_5nm_300kx_80e", "Au_5nm_330kx", "Au_nm_330kx_80e", "x Au_5nm_330kx_80e"]
)
def test_other_names_say_nothing(name):
    assert parse_family_name(name) is None


def test_the_data_sets_of_the_environment_are_the_published_families():
    text = (CONF / "published_patches" / "parameters_ingestion.yml").read_text()
    families = [parse_family_name(name)["family"] for name in PUBLISHED]
    data_sets = yaml.safe_load(text)["ingestion"]["data_sets"]
    assert data_sets == {family: {"family": family} for family in families}


def test_sound_pairs_are_listed_patch_by_patch(tmp_path):
    write(tmp_path, ODD, IMAGES[:2, :48], LABELS[:2, :48].astype(np.uint8))
    write(tmp_path, TINY)
    (tmp_path / "UNet_5nmAu330kX80eUTC_fold0_seed962_model.h5").write_bytes(b"another file")
    rows = patch_rows(tmp_path)
    assert [row["micrograph"] for row in rows] == [
        *(f"{TINY}/000{item}" for item in range(3)),
        *(f"{ODD}/000{item}" for item in range(2)),
    ]
    assert rows[4] == {
        "micrograph": f"{ODD}/0001",
        "image": f"{ODD}_Images.h5",
        "mask": f"{ODD}_Labels.h5",
        "item": "1",
        **parse_family_name(ODD),
        "group": f"{ODD}/0001",
    }


def test_a_patch_is_what_was_stored(tmp_path):
    write(tmp_path, TINY)
    for item in (0, 2):
        image = read_patch(tmp_path / f"{TINY}_Images.h5", "images", item)
        label = read_patch(tmp_path / f"{TINY}_Labels.h5", "labels", str(item))
        assert (image.dtype, label.dtype) == (np.float32, np.bool_)
        np.testing.assert_array_equal(image, IMAGES[item].astype(np.float32))
        np.testing.assert_array_equal(label, LABELS[item] == 1)


def test_one_patch_is_read_and_not_its_file(tmp_path):
    write(tmp_path, TINY, np.zeros((100, 64, 64)))
    read_patch(tmp_path / f"{TINY}_Images.h5", "images", 0)  # the first call loads the library
    tracemalloc.start()
    read_patch(tmp_path / f"{TINY}_Images.h5", "images", 50)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * IMAGES[0].nbytes


@pytest.mark.parametrize(("key", "item"), [("images", 3), ("labels", 0)])
def test_a_patch_that_is_not_there_is_an_error(tmp_path, key, item):
    write(tmp_path, TINY, labels=None)
    with pytest.raises(InputError, match=f"patch {item} of {key} cannot be read"):
        read_patch(tmp_path / f"{TINY}_Images.h5", key, item)
    with pytest.raises(InputError, match="absent"):
        read_patch(tmp_path / "absent", "images", 0)


def test_all_faults_of_all_files_are_named(tmp_path):
    holes = IMAGES.copy()
    holes[1, 5, 6], holes[2, 0, 0] = np.nan, 1e300
    write(tmp_path, "Au_5nm_330kx_1e", keys=("image", "labels"), labels=LABELS * 255)
    write(tmp_path, "Au_5nm_330kx_2e", holes, LABELS[0])
    write(tmp_path, "Au_5nm_330kx_3e", labels=LABELS[:2])
    write(tmp_path, "Au_5nm_330kx_4e", IMAGES[:0], labels=None)
    (tmp_path / "Au_5nm_330kx_4e_Labels.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(900))
    write(tmp_path, "Au_5nm_330kx_5e", labels=None)
    write(tmp_path, "gold", images=None)
    faults = refusal(tmp_path)
    for fault, message in zip(
        faults,
        [
            "1e_Images.h5: holds no 'images'; did you mean 'image'?",
            "1e_Labels.h5: labels beside 0 and 1 in 3 of 3 patches, the first is patch 0",
            "2e_Images.h5: NaN, infinite or too large pixels in 2 of 3 patches, the first",
            "2e_Labels.h5: 'labels' is <HDF5 dataset \"labels\": shape (64, 64)",
            "3e_Labels.h5: labels of shape (2, 64, 64) beside images of shape (3, 64, 64)",
            "4e_Images.h5: 'images' is <HDF5 dataset \"images\": shape (0, 64, 64)",
            "4e_Labels.h5: cannot be read (OSError",
            "5e_Labels.h5: there is no such file beside its partner",
            "gold_Images.h5: its name does not begin like Au_2p2nm_330kx_423e",
            "gold_Images.h5: there is no such file beside its partner",
        ],
        strict=True,
    ):
        assert message in fault


def test_a_fault_far_into_a_file_is_found_in_its_place(tmp_path):
    """A file that is read in two blocks."""
    with h5py.File(tmp_path / f"{TINY}_Labels.h5", "w") as file:
        labels = file.create_dataset("labels", (10_000, 64, 64), dtype="u1", chunks=(100, 64, 64))
        labels[9_000, 1, 1] = 2
    _, fault = refusal(tmp_path)
    assert "labels beside 0 and 1 in 1 of 10000 patches, the first is patch 9000" in fault


def test_a_folder_without_such_files_is_an_error(tmp_path):
    assert refusal(tmp_path) == [f"{tmp_path.name}: there are no such files in this folder"]
    assert refusal(tmp_path / "absent") == ["absent: there are no such files in this folder"]


def test_a_patch_that_is_declared_larger_than_a_gigabyte_is_refused(tmp_path):
    write(tmp_path, TINY, images=None)
    with h5py.File(tmp_path / f"{TINY}_Images.h5", "w") as file:
        file.create_dataset("images", (1, 2**14, 2**14), dtype="f8", chunks=(1, 64, 64))
    (fault,) = refusal(tmp_path)
    assert "Unable to allocate" in fault


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("import os; os.kill(os.getpid(), 11)", "ended with status -11"),
        ("while True: pass", "takes more than 0.3 s"),
    ],
)
def test_a_file_that_the_library_does_not_finish_is_given_up(tmp_path, monkeypatch, body, reason):
    write(tmp_path, TINY, labels=None)
    reader = tmp_path / "python"
    reader.write_text(f"#!{sys.executable}\n{body}\n")
    reader.chmod(0o755)
    monkeypatch.setattr(patch_files, "_SECONDS", 0.3)
    monkeypatch.setattr(sys, "executable", str(reader))
    images, labels = refusal(tmp_path)
    assert f"{TINY}_Images.h5: reading it {reason}" in images
    assert "no such file" in labels


def test_large_files_are_given_more_time(tmp_path, monkeypatch):
    write(tmp_path, TINY)
    monkeypatch.setattr(patch_files, "_SECONDS", 0.0)
    monkeypatch.setattr(patch_files, "_SLOWEST_bytes_per_s", IMAGES.nbytes / 60)
    assert len(patch_rows(tmp_path)) == 3
