"""Promise: a patch set holds what was cut, and comes back from disk bit for bit or not at all."""

from __future__ import annotations

import errno
import os
from dataclasses import replace

import numpy as np
import pytest

from hrtem_shift.errors import InputError
from hrtem_shift.micrographs.micrograph import Micrograph
from hrtem_shift.preparation.flat_field import flatten
from hrtem_shift.preparation.folds import published_order
from hrtem_shift.preparation.patch_set import (
    INDEX_COLUMNS,
    PatchSet,
    load_patch_set,
    make_patch_set,
    prepared,
    save_patch_set,
)
from hrtem_shift.preparation.patches import Preparation
from hrtem_shift.preparation.rescaling import normalize
from hrtem_shift.preparation.xrays import remove_xrays

SMALL = Preparation(patch_px=32, min_particle_fraction=0.1)


def _micrograph(k: int, empty: bool = False) -> Micrograph:
    draw = np.random.default_rng(k)
    mask = np.zeros((70, 100), bool)
    mask[10:30, 5:25] = not empty
    pixels = draw.normal(100, 3, mask.shape) + 20 * mask
    return Micrograph(f"m{k}", pixels.astype(np.float32), 0.02 + k / 1000, mask)


def _groups(count: int) -> dict[str, str]:
    return {f"m{k}": f"scene é{k // 2}" for k in range(count)}


@pytest.fixture
def patch_set() -> PatchSet:
    micrographs = (_micrograph(k) for k in range(8))
    return make_patch_set("set", micrographs, _groups(8), SMALL, folds=4, seed=1)


def test_patches_are_those_of_the_rescaled_micrographs(patch_set):
    assert patch_set.images.shape == patch_set.masks.shape == (8, 32, 32)
    assert (patch_set.images.dtype, patch_set.masks.dtype) == (np.float16, np.uint8)
    assert list(patch_set.index.columns) == list(INDEX_COLUMNS)
    assert patch_set.index["micrograph"].tolist() == [f"m{k}" for k in range(8)]
    assert patch_set.index["y_px"].tolist() == patch_set.index["x_px"].tolist() == [0] * 8
    assert patch_set.index["pixel_size_nm"].tolist() == [0.02 + k / 1000 for k in range(8)]
    one = _micrograph(3)
    rescaled = (one.pixels - one.pixels.mean()) / one.pixels.std()
    np.testing.assert_allclose(patch_set.images[3], rescaled[:32, :32], atol=3e-3)
    np.testing.assert_array_equal(patch_set.masks[3], one.mask[:32, :32])
    expected = np.median(rescaled[:32, :32][~one.mask[:32, :32]])
    np.testing.assert_allclose(patch_set.background[3], expected, atol=1e-4)


def test_groups_stay_in_one_fold_and_all_folds_are_filled(patch_set):
    assert (patch_set.index.groupby("group")["fold"].nunique() == 1).all()
    assert set(patch_set.index["fold"]) == {0, 1, 2, 3}


def test_all_patches_are_kept_on_demand():
    keep_all = Preparation(patch_px=32, min_particle_fraction=None)
    micrographs = [_micrograph(k, empty=k == 0) for k in range(8)]
    patch_set = make_patch_set("set", micrographs, _groups(8), keep_all, folds=2, seed=1)
    assert len(patch_set.images) == 8 * 6
    assert patch_set.index["x_px"].tolist()[:6] == [0, 32, 64, 0, 32, 64]


def test_a_micrograph_whose_patches_all_drop_away_is_no_fault():
    micrographs = [_micrograph(k, empty=k == 0) for k in range(8)]
    patch_set = make_patch_set("set", micrographs, _groups(8), SMALL, folds=2, seed=1)
    assert len(patch_set.images) == 7
    assert patch_set.index["fold"].dtype == np.int64


def test_an_empty_fold_and_a_small_micrograph_are_refused():
    micrographs = [_micrograph(k, empty=True) for k in range(8)]
    with pytest.raises(InputError, match="no patch is left in fold 0, 1 of 2"):
        make_patch_set("set", micrographs, _groups(8), SMALL, folds=2, seed=1)
    with pytest.raises(InputError, match="micrograph m0: 70 x 100 pixels"):
        large = Preparation(patch_px=80)
        make_patch_set("set", [_micrograph(0)], _groups(8), large, folds=2, seed=1)


@pytest.mark.parametrize("method", ["exact", "fast"])
def test_xrays_then_flat_field_then_rescaling(method):
    pixels = np.random.default_rng(0).poisson(300, (90, 100)).astype(np.float32)
    pixels[20, 30] = 9000
    preparation = Preparation(
        xray_threshold_counts=1500,
        flat_field=method,
        flat_field_scale=0.5,
        rescaling="normalize",
    )
    cleaned, count = remove_xrays(pixels, 1500)
    assert count == 1
    expected = normalize(flatten(cleaned, 0.5, method))
    before = pixels.copy()
    np.testing.assert_array_equal(prepared(pixels, preparation), expected)
    np.testing.assert_array_equal(pixels, before)


@pytest.mark.parametrize(
    "steps", [{}, {"flat_field": "fast"}, {"xray_threshold_counts": 1500}], ids=str
)
@pytest.mark.parametrize("rescaling", ["standardize", "normalize", "histogram"])
def test_micrographs_are_left_as_they_are(steps, rescaling):
    pixels = np.random.default_rng(0).poisson(300, (90, 100)).astype(np.float32)
    before = pixels.copy()
    result = prepared(pixels, Preparation(rescaling=rescaling, **steps))
    np.testing.assert_array_equal(pixels, before)
    assert not np.shares_memory(result, pixels)


def test_published_folds_follow_the_shuffled_micrographs_and_not_the_groups():
    keep_all = Preparation(patch_px=32, min_particle_fraction=None)
    arguments = [(_micrograph(k) for k in range(4)), _groups(4), keep_all]
    index = make_patch_set("set", *arguments, folds=5, seed=1, rule="published_patchwise").index
    order = published_order(4)
    assert sorted(order) == [0, 1, 2, 3]
    assert index["micrograph"].tolist() == [f"m{k}" for k in order for _ in range(6)]
    assert index["fold"].tolist() == [0] * 5 + [1] * 5 + [2] * 5 + [3] * 5 + [4] * 4


def test_the_fingerprint_follows_what_networks_see(patch_set):
    again = make_patch_set(
        "other name", [_micrograph(k) for k in range(8)], _groups(8), SMALL, folds=4, seed=1
    )
    assert again.fingerprint == patch_set.fingerprint
    images = patch_set.images.copy()
    images[0, 0, 0] += 1
    changed = [
        replace(patch_set, images=images),
        replace(patch_set, masks=1 - patch_set.masks),
        replace(patch_set, index=patch_set.index.assign(fold=patch_set.index["fold"] + 1)),
        replace(patch_set, index=patch_set.index.assign(group="one")),
    ]
    assert len({patch_set.fingerprint, *(one.fingerprint for one in changed)}) == 5


def test_a_patch_set_comes_back_bit_for_bit(patch_set, tmp_path):
    save_patch_set(tmp_path / "new" / "a.safetensors", patch_set)
    found = load_patch_set(tmp_path / "new" / "a.safetensors")
    assert found.name == "set"
    assert found.fingerprint == patch_set.fingerprint
    np.testing.assert_array_equal(found.background, patch_set.background)
    assert found.index.equals(patch_set.index)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.safetensors"]


def test_the_same_patch_set_is_the_same_file(patch_set, tmp_path):
    for name in "ab":
        save_patch_set(tmp_path / name, patch_set)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_damaged_files_are_refused(patch_set, tmp_path):
    path = tmp_path / "a.safetensors"
    save_patch_set(path, patch_set)
    content = path.read_bytes()
    flipped = bytearray(content)
    flipped[-1500] ^= 4
    for damaged in (b"", b"text", content[:-1], content[: len(content) // 2], bytes(flipped)):
        path.write_bytes(damaged)
        with pytest.raises(InputError, match=r"a\.safetensors"):
            load_patch_set(path)
    with pytest.raises(InputError, match="run the preprocessing again"):
        load_patch_set(tmp_path / "absent.safetensors")


def test_another_safetensors_file_is_refused(tmp_path):
    from safetensors.numpy import save_file

    save_file({"weights": np.zeros(3, np.float32)}, tmp_path / "a.safetensors")
    with pytest.raises(InputError, match="not a readable patch set"):
        load_patch_set(tmp_path / "a.safetensors")


def test_a_full_disk_leaves_the_old_file(patch_set, tmp_path, monkeypatch):
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    path = tmp_path / "a.safetensors"
    save_patch_set(path, patch_set)
    before = path.read_bytes()
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match="disk is full"):
        save_patch_set(path, replace(patch_set, name="other"))
    assert path.read_bytes() == before
    assert [item.name for item in tmp_path.iterdir()] == ["a.safetensors"]
