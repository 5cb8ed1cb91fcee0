"""Promise: a sound folder becomes an inventory; all faults of another are listed at once."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
import tifffile
from gatan_files import image_tags, microscope_tags, write_dm
from PIL import Image

from hrtem_shift.errors import InputError, InputErrors
from hrtem_shift.micrographs.checksums import record_checksums
from hrtem_shift.micrographs.folder import inspect_folder, load_micrograph
from hrtem_shift.micrographs.metadata_table import path_inside
from hrtem_shift.micrographs.micrograph import Micrograph

COLUMNS = [
    "micrograph",
    "image",
    "mask",
    "pixel_size_nm",
    "group",
    "height_px",
    "width_px",
    "particle_fraction",
    "image_sha256",
    "mask_sha256",
]


def _faults(folder) -> str:
    with pytest.raises(InputErrors) as caught:
        inspect_folder(folder.root, folder.metadata)
    return str(caught.value)


def _only_fault(folder, *words: str) -> None:
    text = _faults(folder)
    assert ": 1 fault, nothing was done" in text
    for word in words:
        assert word in text


def test_a_sound_folder_becomes_an_inventory(make_folder, mask):
    folder = make_folder(3)
    folder.write()
    inventory = inspect_folder(folder.root, folder.metadata)
    assert list(inventory.columns) == COLUMNS
    assert inventory["micrograph"].tolist() == ["images/m0", "images/m1", "images/m2"]
    assert inventory["group"].tolist() == inventory["micrograph"].tolist()
    assert inventory["height_px"].tolist() == [48] * 3
    assert inventory["width_px"].tolist() == [64] * 3
    assert inventory["particle_fraction"].tolist() == [np.mean(mask == 255)] * 3
    assert all(Path(path).is_absolute() for path in inventory["image"])


def test_order_names_groups_and_free_columns_are_carried(make_folder):
    folder = make_folder(3)
    for row, name, dose, day in zip(
        folder.rows, ["z", "a", "001"], ["80", "", "423.5"], ["08/26/21", "", "a,b"], strict=True
    ):
        row |= {"micrograph": name, "group": "g", "dose_e_per_A2": dose, "date": day}
    folder.write()
    inventory = inspect_folder(folder.root, folder.metadata)
    assert inventory["micrograph"].tolist() == ["z", "a", "001"]
    assert inventory["group"].tolist() == ["g"] * 3
    np.testing.assert_array_equal(inventory["dose_e_per_A2"], [80, np.nan, 423.5])
    assert inventory["date"].tolist() == ["08/26/21", "", "a,b"]


def test_loading_a_row_gives_the_micrograph(make_folder, pixels, mask):
    folder = make_folder()
    folder.rows[0]["dose_e_per_A2"] = "80"
    folder.write()
    micrograph = load_micrograph(inspect_folder(folder.root, folder.metadata).iloc[0])
    np.testing.assert_array_equal(micrograph.pixels, pixels)
    np.testing.assert_array_equal(micrograph.mask, mask == 255)
    assert micrograph.pixel_size_nm == 0.02
    assert micrograph.metadata["dose_e_per_A2"] == 80


def test_a_file_that_changed_after_inspection_is_refused(make_folder, pixels):
    folder = make_folder()
    folder.write()
    row = inspect_folder(folder.root, folder.metadata).iloc[0]
    tifffile.imwrite(folder.root / "images/m0.tif", pixels + 5)
    with pytest.raises(InputError, match="SHA-256"):
        load_micrograph(row)


def test_subfolders_spaces_and_capital_checksums_are_fine(make_folder):
    folder = make_folder(1)
    folder.add_checksums()
    deep = "on C/Ultrathin Carbon/a b.tif"
    (folder.root / deep).parent.mkdir(parents=True)
    (folder.root / "images/m0.tif").rename(folder.root / deep)
    folder.rows[0] |= {"image": deep, "image_sha256": folder.rows[0]["image_sha256"].upper()}
    folder.write()
    assert inspect_folder(folder.root, folder.metadata)["micrograph"].tolist() == [deep[:-4]]


def test_the_table_may_lie_elsewhere_and_begin_with_a_byte_order_mark(make_folder, tmp_path):
    folder = make_folder()
    folder.write()
    elsewhere = tmp_path / "table.csv"
    elsewhere.write_bytes(b"\xef\xbb\xbf" + folder.metadata.read_bytes() + b"\r\n,,\r\n")
    assert len(inspect_folder(folder.root, elsewhere)) == 2


def test_empty_masks_are_counted_in_one_warning(make_folder, mask, caplog):
    folder = make_folder(3)
    for k in (0, 2):
        Image.fromarray(mask * 0).save(folder.root / f"masks/m{k}.png")
    folder.write()
    with caplog.at_level(logging.WARNING):
        inventory = inspect_folder(folder.root, folder.metadata)
    assert inventory["particle_fraction"].tolist()[::2] == [0, 0]
    assert [record.getMessage().split(": ")[1] for record in caplog.records] == [
        "2 masks show no particle at all (images/m0, images/m2)"
    ]


def test_the_same_file_in_two_groups_gives_a_warning(make_folder, pixels, caplog):
    folder = make_folder()
    tifffile.imwrite(folder.root / "images/m1.tif", pixels)
    folder.write()
    inspect_folder(folder.root, folder.metadata)
    assert "are the same file, put them in one group" in caplog.text


# One fault each


@pytest.mark.parametrize("file", ["images/m1.tif", "masks/m1.png"])
def test_a_missing_file(make_folder, file):
    folder = make_folder()
    folder.write()
    (folder.root / file).unlink()
    _only_fault(folder, file, "No such file")


@pytest.mark.parametrize("turned", [True, False])
def test_a_mask_of_another_size(make_folder, mask, turned):
    folder = make_folder()
    folder.write()
    Image.fromarray(mask.T if turned else mask[:40]).save(folder.root / "masks/m1.png")
    _only_fault(folder, "masks/m1.png", "64 x 48" if turned else "40 x 64", "48 x 64")
    assert ("transposed" in _faults(folder)) == turned


def test_other_values_in_a_mask(make_folder, mask):
    folder = make_folder()
    folder.write()
    Image.fromarray(mask // 2).save(folder.root / "masks/m0.png")
    _only_fault(folder, "masks/m0.png", "other than 0 and 255: 127")


def test_a_truncated_image(make_folder):
    folder = make_folder()
    folder.write()
    image = folder.root / "images/m0.tif"
    image.write_bytes(image.read_bytes()[:-3000])
    _only_fault(folder, "images/m0.tif", "cut short")


def test_not_an_image(make_folder):
    folder = make_folder()
    folder.write()
    (folder.root / "images/m0.tif").write_text("my notes")
    _only_fault(folder, "images/m0.tif", "not a dm3, dm4, dm5, emd, ser, mrc, TIFF")


@pytest.mark.parametrize("value", ["0", "-0.02", "nan", "inf", "0,02", "0.02 nm"])
@pytest.mark.parametrize("column", ["pixel_size_nm", "dose_e_per_A2"])
def test_pixel_size_and_dose_are_numbers_above_0(make_folder, column, value):
    folder = make_folder()
    folder.rows[1][column] = value
    folder.write()
    _only_fault(folder, "micrograph images/m1", column, value)


def test_a_pixel_size_that_neither_table_nor_file_states(make_folder):
    folder = make_folder()
    folder.rows[1]["pixel_size_nm"] = ""
    folder.write()
    _only_fault(folder, "images/m1.tif", "pixel_size_nm is missing", "the file states none")


def _with_dm3(folder, pixels, **tags) -> None:
    """Have the first two images be recorded ones, calibrated and counted in electrons."""
    brightness = {"Scale": 0.5, "Units": "e-"}
    image = image_tags(pixels, 0.02, "nm", microscope_tags(**tags), brightness)
    for row, name in zip(folder.rows, ("a.dm3", "b.dm3"), strict=False):
        write_dm(folder.root / name, [image], Name=name)
        row["image"] = name


def test_what_the_table_leaves_open_the_files_state(make_folder, pixels):
    folder = make_folder(3)
    _with_dm3(folder, pixels, exposure_s=0.25, energy_keV=200.0)
    doses = {"0": "80", "1": "", "2": ""}
    for number, row in enumerate(folder.rows):
        row["dose_e_per_A2"] = doses[str(number)]
        if number < 2:
            row["pixel_size_nm"] = ""
    folder.write()
    inventory = inspect_folder(folder.root, folder.metadata)
    assert inventory["pixel_size_nm"].tolist() == pytest.approx([0.02] * 3)
    counted = 0.5 * pixels.mean() / 0.2**2
    np.testing.assert_allclose(inventory["dose_e_per_A2"], [80, counted, np.nan])
    assert inventory["dose_source"][0] == "table" and inventory["dose_source"][2] == ""
    assert "Brightness" in inventory["dose_source"][1]
    np.testing.assert_allclose(inventory["exposure_s"], [0.25, 0.25, np.nan])
    np.testing.assert_allclose(inventory["energy_keV"], [200, 200, np.nan])


def test_a_table_that_contradicts_the_files_wins_with_one_warning(make_folder, pixels, caplog):
    folder = make_folder(3)
    _with_dm3(folder, pixels)
    for row in folder.rows:
        row["pixel_size_nm"] = "0.04"
    folder.write()
    inventory = inspect_folder(folder.root, folder.metadata)
    assert inventory["pixel_size_nm"].tolist() == [0.04] * 3
    (warning,) = [line for line in caplog.messages if "states" in line]
    assert "a.dm3: states 0.02 nm, 0.04 nm is used as given (and 1 more like this)" in warning


def test_a_folder_with_recorded_checksums_is_kept_to(make_folder):
    folder = make_folder()
    folder.write()
    assert len(inspect_folder(folder.root, folder.metadata)) == 2
    sums = {f"{role}s/m0.{ending}": "ab" * 32 for role, ending in (("image", "tif"),)}
    record_checksums(folder.root, sums)
    _only_fault(folder, "images/m0.tif", f"expected {'ab' * 32}", "SHA256SUMS")


def test_a_repeated_name(make_folder):
    folder = make_folder(3)
    for row in folder.rows:
        row["micrograph"] = "a"
    folder.write()
    _only_fault(folder, "3 micrographs have the name 'a'")


def test_a_missing_column_with_the_nearest_name(make_folder):
    folder = make_folder()
    for row in folder.rows:
        row["pixel_size"] = row.pop("pixel_size_nm")
    folder.write()
    _only_fault(folder, "column 'pixel_size_nm' is missing; did you mean 'pixel_size'?")


@pytest.mark.parametrize(
    "name",
    [
        "../secret.tif",
        "images/../../secret.tif",
        "/etc/passwd",
        "C:\\a.tif",
        "C:/a.tif",
        "images\\m0.tif",
        "",
        "link.tif",
    ],
)
@pytest.mark.parametrize("role", ["image", "mask"])
def test_names_may_not_lead_out_of_the_folder(make_folder, role, name):
    folder = make_folder()
    (folder.root.parent / "secret.tif").write_bytes((folder.root / "images/m0.tif").read_bytes())
    (folder.root / "link.tif").symlink_to(folder.root.parent / "secret.tif")
    folder.rows[0][role] = name
    folder.rows[0]["micrograph"] = "a"
    folder.write()
    _only_fault(folder, f"micrograph a, column {role}", "may not lead out of")


def test_a_name_with_a_zero_byte_is_refused(tmp_path):
    with pytest.raises(InputError, match="not a file name inside"):
        path_inside(tmp_path, "a\0.tif", where="row 1")


@pytest.mark.parametrize("role", ["image", "mask"])
def test_another_checksum(make_folder, role):
    folder = make_folder()
    folder.add_checksums()
    folder.rows[1][f"{role}_sha256"] = "ab" * 32
    folder.write()
    _only_fault(folder, folder.rows[1][role], f"expected {'ab' * 32}")


def test_a_table_without_rows(make_folder):
    folder = make_folder()
    folder.rows.clear()
    folder.write(["image", "mask", "pixel_size_nm"])
    _only_fault(folder, "there are no rows")


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe\x00x", b'image,mask\n"open', b"image;mask\na;b\n"]
)
def test_files_that_are_no_table(make_folder, content):
    folder = make_folder()
    folder.metadata.write_bytes(content)
    assert str(folder.metadata) in _faults(folder)


def test_rows_of_another_length_and_repeated_columns(make_folder):
    folder = make_folder()
    folder.metadata.write_text("image,mask,pixel_size_nm,mask\na,b,0.1,c\na,b,0.1\n")
    text = _faults(folder)
    assert "column 'mask' appears twice" in text
    assert "row 2 has 3 cells, the header 4" in text


def test_a_missing_folder_and_a_missing_table_are_both_reported(tmp_path):
    with pytest.raises(InputErrors) as caught:
        inspect_folder(tmp_path / "absent", tmp_path / "absent.csv")
    assert len(caught.value.errors) == 2
    assert "there is no such folder" in str(caught.value)


def test_a_folder_with_many_faults_lists_them_all(make_folder, mask):
    folder = make_folder(8)
    folder.rows[1]["pixel_size_nm"] = "-1"
    folder.rows[2]["image"] = "../m2.tif"
    folder.rows[3]["micrograph"] = folder.rows[4]["micrograph"] = "twin"
    folder.write()
    (folder.root / "images/m3.tif").unlink()
    (folder.root / "images/m5.tif").write_bytes(b"")
    tifffile.imwrite(folder.root / "images/m6.tif", np.zeros(mask.shape, np.uint8))
    Image.fromarray(mask // 255).save(folder.root / "masks/m6.png")
    Image.fromarray(mask.T).save(folder.root / "masks/m7.png")
    text = _faults(folder)
    assert "8 faults, nothing was done" in text
    assert len(text.splitlines()) == 9
    for word in [
        "'-1'",
        "../m2.tif",
        "m3.tif",
        "'twin'",
        "0 bytes",
        "value 0",
        ": 1.",
        "transposed",
    ]:
        assert word in text


def test_a_micrograph_with_a_mask_of_another_shape_is_refused():
    with pytest.raises(InputError, match="micrograph a"):
        Micrograph("a", np.zeros((4, 5), np.float32), 0.02, np.zeros((5, 4), bool))
