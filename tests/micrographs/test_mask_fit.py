"""Promise: inverted, flipped and rotated masks are noticed; hand labels are not doubted."""

from __future__ import annotations

import csv
import logging
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from scipy.ndimage import gaussian_filter

from hrtem_shift.errors import InputErrors
from hrtem_shift.micrographs.folder import inspect_folder
from hrtem_shift.micrographs.mask_fit import MaskFit, doubts_about, mask_fit
from hrtem_shift.micrographs.readers import read_image, read_mask

UNDONE_BY = {
    "upside down": np.flipud,
    "mirrored": np.fliplr,
    "rotated by 180°": lambda mask: np.rot90(mask, 2),
    "transposed": np.transpose,
    "transposed and rotated by 180°": lambda mask: np.rot90(mask.T, 2),
    "rotated by 90° counter-clockwise": lambda mask: np.rot90(mask, -1),
    "rotated by 90° clockwise": np.rot90,
}
"""What the warning is to say -> what was done to the masks."""


def _scene(seed: int, look: str = "dark") -> tuple[np.ndarray, np.ndarray]:
    """Image and mask of disks apart on a grainy film, (128, 128)."""
    rng = np.random.default_rng(seed)
    y, x = np.indices((128, 128))
    mask = np.zeros(y.shape, bool)
    for row, column in rng.uniform(12, 116, (20, 2)):
        squared = (y - row) ** 2 + (x - column) ** 2
        if not mask[squared < 13**2].any():
            mask |= squared < 10**2
    film = gaussian_filter(rng.normal(0, 8, mask.shape), 1) + rng.normal(1000, 20, mask.shape)
    change = {
        "dark": -60.0,
        "bright": 60.0,
        "rough": 40 * np.cos(np.pi * x),
        "invisible": 0.0,
    }[look]
    return (film + change * mask).astype(np.float32), mask


def _fits(change=lambda mask: mask, look: str = "dark", count: int = 4) -> dict[str, MaskFit]:
    scenes = {f"m{seed}": _scene(seed, look) for seed in range(count)}
    return {name: mask_fit(pixels, change(mask)) for name, (pixels, mask) in scenes.items()}


@pytest.mark.parametrize("look", ["dark", "bright", "rough", "invisible"])
def test_masks_that_fit_or_of_which_nothing_is_seen_are_not_doubted(look):
    assert doubts_about(_fits(look=look)) == []


@pytest.mark.parametrize("look", ["dark", "bright", "rough"])
@pytest.mark.parametrize("words", UNDONE_BY)
def test_flipped_and_rotated_masks_are_noticed_with_the_transform_that_undoes_it(look, words):
    (doubt,) = doubts_about(_fits(UNDONE_BY[words], look))
    assert f"masks fit their images better {words}: the contrast" in doubt
    assert "mean of 4 images, better in 4" in doubt


def test_one_image_is_enough():
    assert "mirrored" in doubts_about(_fits(np.fliplr, count=1))[0]
    assert "inverted" in doubts_about(_fits(np.logical_not, count=1))[0]


@pytest.mark.parametrize("look", ["dark", "bright", "invisible"])
def test_inverted_masks_are_noticed_with_numbers(look):
    (doubt,) = doubts_about(_fits(np.logical_not, look))
    mean = np.mean([1 - _scene(seed)[1].mean() for seed in range(4)])
    assert "particles cover most of 4 of 4 images" in doubt
    assert f"mean {mean:.0%}" in doubt and "the masks look inverted" in doubt


def test_a_single_inverted_mask_is_named():
    (doubt,) = doubts_about(_fits() | {"odd": mask_fit(_scene(9)[0], ~_scene(9)[1])})
    assert "1 of 5 masks look inverted (odd)" in doubt


def test_dense_particles_are_not_taken_for_inverted():
    y, x = np.indices((128, 128))
    disks = ((y % 16 - 8) ** 2 + (x % 16 - 8) ** 2) < 7.7**2
    assert disks.mean() > 0.6
    pixels = np.random.default_rng(0).normal(0, 1, disks.shape) - 5 * disks
    assert doubts_about({"a": mask_fit(pixels.astype(np.float32), disks)}) == []


@pytest.mark.parametrize("fill", [False, True])
@pytest.mark.parametrize("shape", [(4, 5), (1, 1000), (64, 64)])
def test_masks_without_an_edge_and_flat_images_say_nothing(fill, shape):
    mask = np.full(shape, fill)
    assert doubts_about({"a": mask_fit(np.ones(shape, np.float32), mask)}) == []
    mask.flat[3] = not fill
    mask_fit(np.ones(shape, np.float32), mask)


def test_a_folder_is_warned_of_once(make_folder, caplog):
    folder = make_folder(4)
    for seed, row in enumerate(folder.rows):
        pixels, mask = _scene(seed)
        tifffile.imwrite(folder.root / row["image"], pixels)
        Image.fromarray(mask.T.astype(np.uint8) * 255).save(folder.root / row["mask"])
    folder.write()
    with caplog.at_level(logging.WARNING):
        assert len(inspect_folder(folder.root, folder.metadata)) == 4
    (message,) = caplog.messages
    assert "better transposed" in message


def test_a_folder_inverted_and_in_metres_is_refused_and_warned_of(make_folder, caplog):
    folder = make_folder(3)
    for seed, row in enumerate(folder.rows):
        pixels, mask = _scene(seed)
        tifffile.imwrite(folder.root / row["image"], pixels)
        Image.fromarray((~mask).astype(np.uint8) * 255).save(folder.root / row["mask"])
        row["pixel_size_nm"] = "5e-11"
    folder.write()
    _is_refused_and_warned_of(folder.metadata, 3, caplog)


def test_the_field_case_with_inverted_masks(shared_file, caplog):
    _is_refused_and_warned_of(shared_file("field_cases/masks_inverted/metadata.csv"), 6, caplog)


def _is_refused_and_warned_of(metadata: Path, count: int, caplog) -> None:
    with caplog.at_level(logging.WARNING), pytest.raises(InputErrors) as caught:
        inspect_folder(metadata.parent, metadata)
    text = str(caught.value)
    assert f"{count} faults" in text
    assert text.count("5e-11 nm is no pixel size; in metres it would be 0.05 nm") == count
    (message,) = caplog.messages
    assert f"particles cover most of {count} of {count} images" in message


def _hand_labels(table: Path) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    with table.open(newline="") as file:
        for row in csv.DictReader(file):
            with Image.open(table.parent / row["labels"]) as labels:
                mask = np.asarray(labels) > 0
            yield row["image"], read_image(table.parent / row["image"]), mask


def _share_doubted(words: str, fits: list[MaskFit]) -> float:
    return float(np.mean([words in "".join(doubts_about({"a": fit})) for fit in fits]))


def test_no_hand_label_of_emps_is_doubted_and_changed_copies_are(shared_file):
    labelled = list(islice(_hand_labels(shared_file("emps/images.csv")), 0, None, 3))
    fits = {name: mask_fit(pixels, mask) for name, pixels, mask in labelled}
    assert {name: doubts for name in fits if (doubts := doubts_about({name: fits[name]}))} == {}
    assert doubts_about(fits) == []
    few = labelled[::3]
    mirrored = [mask_fit(pixels, np.fliplr(mask)) for _, pixels, mask in few]
    assert _share_doubted("better mirrored", mirrored) > 0.85
    inverted = [mask_fit(pixels, ~mask) for _, pixels, mask in few]
    assert _share_doubted("look inverted", inverted) > 0.5


def test_hand_labels_of_microscopy_seg_track_likewise(shared_file):
    folder = shared_file("segtrack/labels/label_1.png").parent.parent
    for path in sorted((folder / "labels").iterdir()):
        mask = read_mask(path)
        pixels = read_image(folder / f"images/image_{path.stem.split('_')[1]}.png")
        assert doubts_about({"a": mask_fit(pixels, mask)}) == []
        for words, turn in UNDONE_BY.items():
            assert words in doubts_about({"a": mask_fit(pixels, turn(mask))})[0]
        assert "inverted" in doubts_about({"a": mask_fit(pixels, ~mask)})[0]
