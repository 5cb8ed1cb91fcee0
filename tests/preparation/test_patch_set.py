"""Promise: a patch set holds what was cut, and comes back from disk bit for bit or not at all."""

from __future__ import annotations

import errno
import os
import pickle
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from hrtem_shift.errors import InputError
from hrtem_shift.micrographs.micrograph import Micrograph
from hrtem_shift.preparation.folds import fold_of_groups, published_order
from hrtem_shift.preparation.patch_set import INDEX_COLUMNS, PatchSet
from hrtem_shift.preparation.patch_set_files import (
    map_patch_set,
    read_patch_set,
    read_source_fingerprint,
    write_patch_set,
)
from hrtem_shift.preparation.patch_set_plan import LazyPatchSet, plan_patch_set, plan_test_set
from hrtem_shift.preparation.patches import Preparation

SMALL = Preparation(patch_px=32, min_particle_fraction=0.1)
KEEP_ALL = Preparation(patch_px=32, min_particle_fraction=None)
FILES = ["background.npy", "images.npy", "index.parquet", "masks.npy"]
FILES += ["micrographs.parquet", "patch_set.json"]


def _micrograph(k: int, empty: bool = False) -> Micrograph:
    draw = np.random.default_rng(k)
    mask = np.zeros((70, 100), bool)
    mask[10:30, 5:25] = not empty
    pixels = draw.normal(100, 3, mask.shape) + 20 * mask
    return Micrograph(f"m{k}", pixels.astype(np.float32), 0.02 + k / 1000, mask)


def _lazy(micrographs, preparation=SMALL, folds=4, fold_of="by group", name="set"):
    groups = {one.name: f"scene é{int(one.name[1:]) // 2}" for one in micrographs}
    if fold_of == "by group":
        fold_of = fold_of_groups(list(groups.values()), folds, 1)
    return LazyPatchSet(
        name, micrographs, groups, preparation, folds, fold_of, source_fingerprint="these"
    )


@pytest.fixture
def lazy() -> LazyPatchSet:
    return _lazy([_micrograph(k) for k in range(8)])


@pytest.fixture
def patch_set(lazy) -> PatchSet:
    return lazy.cut()


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


def test_sets_of_several_magnifications_are_cut_on_one_grid():
    preparation = SMALL.model_copy(update={"pixel_size_nm": 0.01})
    micrographs = [_micrograph(k) for k in (0, 2)]  # 0.02 and 0.022 nm a pixel
    patch_set = _lazy(micrographs, preparation, folds=2).cut()
    assert set(patch_set.index["pixel_size_nm"].round(12)) == {0.01}
    area_nm2 = [one.mask.sum() * one.pixel_size_nm**2 for one in micrographs]
    seen_nm2 = [
        (patch_set.masks[patch_set.index["micrograph"] == one.name] == 1).sum() * 0.01**2
        for one in micrographs
    ]
    np.testing.assert_allclose(seen_nm2, area_nm2, rtol=0.05)
    assert patch_set.micrographs["patches"].tolist() == [4 * 6, 4 * 6]


def test_what_was_found_in_each_micrograph_is_kept():
    preparation = SMALL.model_copy(update={"xray_threshold_counts": 1500, "flat_field": "exact"})
    struck = _micrograph(1)
    struck.pixels[50, 50] = 9000
    found = _lazy([_micrograph(0), struck], preparation, 1, {"scene é0": 0}).cut().micrographs
    assert found["micrograph"].tolist() == ["m0", "m1"]
    assert found["xrays_px"].tolist() == [0, 1]
    assert found["patches"].tolist() == [6, 6] and found["patches_kept"].tolist() == [1, 1]
    assert found["mean_counts"].between(100, 102.5).all()
    assert found["light_low_counts"].lt(found["light_high_counts"]).all()
    np.testing.assert_allclose(found["particle_fraction"], 400 / 7000)


def test_groups_stay_in_one_fold_and_all_folds_are_filled(patch_set):
    assert (patch_set.index.groupby("group")["fold"].nunique() == 1).all()
    assert set(patch_set.index["fold"]) == {0, 1, 2, 3}


def test_all_patches_are_kept_on_demand():
    patch_set = _lazy([_micrograph(k, empty=k == 0) for k in range(8)], KEEP_ALL).cut()
    assert len(patch_set.images) == 8 * 6
    assert patch_set.index["x_px"].tolist()[:6] == [0, 32, 64, 0, 32, 64]


def test_a_micrograph_whose_patches_all_drop_away_is_no_fault(tmp_path):
    lazy = _lazy([_micrograph(k, empty=k == 0) for k in range(8)], folds=2)
    write_patch_set(tmp_path / "a", lazy)
    for patch_set in (lazy.cut(), read_patch_set(tmp_path / "a")):
        assert len(patch_set.images) == 7
        assert patch_set.index["fold"].dtype == np.int64


def test_an_empty_fold_and_a_small_micrograph_are_refused():
    with pytest.raises(InputError, match="no patch is left in fold 0, 1 of 2"):
        _lazy([_micrograph(k, empty=True) for k in range(8)], folds=2).cut()
    with pytest.raises(InputError, match="micrograph m0: 70 x 100 pixels"):
        plan_test_set("set", [_micrograph(0)], Preparation(patch_px=80)).cut()


def test_a_micrograph_that_cannot_be_prepared_is_named():
    dark = replace(_micrograph(1), pixels=np.zeros((70, 100), np.float32))
    with pytest.raises(InputError, match=r"^micrograph m1, standardize: "):
        plan_test_set("set", [_micrograph(0), dark], SMALL).cut()


def _inventory(count: int) -> pd.DataFrame:
    names = [f"m{k}" for k in range(count)]
    rows = {"micrograph": names, "group": names, "session": [f"day {k % 3}" for k in range(count)]}
    hashes = {"image_sha256": [f"i{k}" for k in range(count)], "mask_sha256": ["m"] * count}
    return pd.DataFrame({**rows, **hashes, "pixel_size_nm": 0.02})


def test_folds_are_cut_by_the_rule_that_is_asked_for():
    by_name = plan_patch_set("set", _inventory(6), SMALL, 3, seed=1)
    assert set(by_name.fold_of) == {f"m{k}" for k in range(6)}
    by_day = plan_patch_set("set", _inventory(6), SMALL, 3, seed=1, rule="session")
    assert set(by_day.fold_of) == {"day 0", "day 1", "day 2"}
    published = plan_patch_set("set", _inventory(6), SMALL, 3, seed=1, rule="published_patchwise")
    assert published.fold_of is None
    assert [row["micrograph"] for row in published.rows] == [f"m{k}" for k in published_order(6)]
    as_given = plan_patch_set("set", _inventory(6), SMALL, 3, seed=1, rule="patchwise")
    assert [row["micrograph"] for row in as_given.rows] == [f"m{k}" for k in range(6)]


@pytest.mark.parametrize("rule", ["published_patchwise", "patchwise"])
def test_patchwise_folds_are_contiguous_and_know_no_groups(rule):
    index = _lazy([_micrograph(k) for k in range(4)], KEEP_ALL, 5, None).cut().index
    assert index["fold"].tolist() == [0] * 5 + [1] * 5 + [2] * 5 + [3] * 5 + [4] * 4


def test_the_list_of_files_and_all_that_decides_are_hashed_into_the_set():
    def of(inventory, preparation=SMALL, folds=3, seed=1, rule="micrograph"):
        return plan_patch_set("set", inventory, preparation, folds, seed, rule).source_fingerprint

    start = _inventory(6)
    assert of(start) == of(_inventory(6)) != ""
    changed = [
        of(start.iloc[:5]),
        of(start.iloc[::-1]),
        of(start.assign(image_sha256="other")),
        of(start.assign(mask_sha256="other")),
        of(start.assign(group="one " + start["group"])),
        of(start, KEEP_ALL),
        of(start, folds=2),
        of(start, seed=2),
        of(start, rule="session"),
    ]
    assert len({of(start), *changed}) == 1 + len(changed)


def test_the_fingerprint_follows_what_networks_see(patch_set):
    again = _lazy([_micrograph(k) for k in range(8)], name="other name").cut()
    assert again.fingerprint == patch_set.fingerprint
    images = patch_set.images.copy()
    images[0, 0, 0] += 1
    changed = [
        replace(patch_set, images=images),
        replace(patch_set, masks=1 - patch_set.masks),
        replace(patch_set, index=patch_set.index.assign(fold=patch_set.index["fold"] + 1)),
        replace(patch_set, index=patch_set.index.assign(group="one")),
        replace(patch_set, source_fingerprint="other files"),
    ]
    assert len({patch_set.fingerprint, *(one.fingerprint for one in changed)}) == 6


def _equal(found: PatchSet, expected: PatchSet) -> bool:
    for name in ("images", "masks", "background"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    pd.testing.assert_frame_equal(found.index, expected.index)
    return found.fingerprint == expected.fingerprint and found.name == expected.name


def test_a_patch_set_comes_back_bit_for_bit(lazy, patch_set, tmp_path):
    done = []
    write_patch_set(tmp_path / "new" / "a", lazy, lambda: done.append(1))
    found = read_patch_set(tmp_path / "new" / "a")
    assert _equal(found, patch_set)
    assert found.micrographs["patches_kept"].tolist() == [1] * 8
    assert len(done) == 8
    assert sorted(path.name for path in (tmp_path / "new" / "a").iterdir()) == FILES
    assert (
        read_source_fingerprint(tmp_path / "new" / "a") == "these"
        and read_source_fingerprint(tmp_path / "absent") == ""
    )
    assert _equal(replace(found), map_patch_set(tmp_path / "new" / "a"))  # hashed anew, from memory


def test_other_processes_map_the_same_files_instead_of_copying_them(lazy, patch_set, tmp_path):
    write_patch_set(tmp_path / "a", lazy)
    on_disk = pickle.dumps(read_patch_set(tmp_path / "a"))
    assert len(on_disk) < 500
    assert isinstance(pickle.loads(on_disk).images, np.memmap)
    assert _equal(pickle.loads(on_disk), pickle.loads(pickle.dumps(patch_set)))


def test_a_detached_patch_set_is_sent_with_its_arrays_and_needs_no_disk(lazy, patch_set, tmp_path):
    write_patch_set(tmp_path / "a", lazy)
    sent = pickle.dumps(read_patch_set(tmp_path / "a").detached())
    shutil.rmtree(tmp_path / "a")
    assert _equal(pickle.loads(sent), patch_set)


def test_the_same_patch_set_is_the_same_files(lazy, tmp_path):
    for name in "ab":
        write_patch_set(tmp_path / name, lazy)
    for name in FILES:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


@pytest.mark.parametrize("name", FILES)
def test_damaged_files_are_refused(lazy, tmp_path, name):
    write_patch_set(tmp_path / "a", lazy)
    path = tmp_path / "a" / name
    content = path.read_bytes()
    damaged = [b"", b"text", content[:-1], content[: len(content) // 2]]
    if name in ("images.npy", "masks.npy"):
        flipped = bytearray(content)
        flipped[-1500] ^= 4
        damaged.append(bytes(flipped))
    for bytes_ in damaged:
        path.write_bytes(bytes_)
        with pytest.raises(InputError, match="run the preprocessing again"):
            read_patch_set(tmp_path / "a")
    path.unlink()
    with pytest.raises(InputError, match="not a readable patch set"):
        read_patch_set(tmp_path / "a")


def test_a_full_disk_leaves_the_old_set(lazy, patch_set, tmp_path, monkeypatch):
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    write_patch_set(tmp_path / "a", lazy)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match="disk is full"):
        write_patch_set(tmp_path / "a", replace(lazy, name="other"))
    assert _equal(read_patch_set(tmp_path / "a"), patch_set)
    assert [item.name for item in tmp_path.iterdir()] == ["a"]


def test_test_sets_have_one_fold_and_keep_their_order():
    patch_set = plan_test_set("set", [_micrograph(k) for k in (3, 1)], KEEP_ALL).cut()
    assert patch_set.index["micrograph"].tolist() == ["m3"] * 6 + ["m1"] * 6
    assert set(patch_set.index["fold"]) == {0}
