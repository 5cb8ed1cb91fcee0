"""Promise: patches tile the image, and stitched together they are the image."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from hrtem_shift.preparation.patches import (
    Preparation,
    background_levels,
    cut_patches,
    has_enough_particle,
)


@given(
    height=st.integers(1, 90),
    width=st.integers(1, 90),
    patch_px=st.sampled_from([8, 16, 32]),
    seed=st.integers(0, 9),
)
def test_stitched_patches_are_the_image(height, width, patch_px, seed):
    pixels = np.random.default_rng(seed).normal(size=(height, width))
    images, masks, corners = cut_patches(pixels, pixels > 0, patch_px)
    whole = height // patch_px * patch_px, width // patch_px * patch_px
    assert len(images) == len(masks) == len(corners) == whole[0] * whole[1] // patch_px**2
    stitched, stitched_mask = np.full(whole, np.nan), np.zeros(whole, bool)
    for image, mask, (y, x) in zip(images, masks, corners, strict=True):
        stitched[y : y + patch_px, x : x + patch_px] = image
        stitched_mask[y : y + patch_px, x : x + patch_px] = mask
    np.testing.assert_array_equal(stitched, pixels[: whole[0], : whole[1]])
    np.testing.assert_array_equal(stitched_mask, stitched > 0)


def test_patches_go_row_by_row_from_the_top_left():
    corners = cut_patches(np.zeros((70, 100)), np.zeros((70, 100), bool), 32)[2]
    assert corners.tolist() == [[0, 0], [0, 32], [0, 64], [32, 0], [32, 32], [32, 64]]


def test_the_published_rule_keeps_label_sums_above_400_px():
    masks = np.zeros((4, 512, 512), bool)
    for mask, covered_px in zip(masks, (0, 1, 400, 401), strict=True):
        mask.flat[:covered_px] = True
    assert has_enough_particle(masks, 400 / 512**2).tolist() == [False, False, False, True]
    assert has_enough_particle(masks, 0).tolist() == [False, True, True, True]
    assert has_enough_particle(masks, None).all()


def test_background_is_the_median_beside_the_particles():
    images = np.tile(np.arange(64, dtype=np.float32).reshape(8, 8), (3, 1, 1))
    masks = np.zeros((3, 8, 8), bool)
    masks[1, 4:] = True  # values 32 to 63
    masks[2] = True
    np.testing.assert_array_equal(background_levels(images, masks), [31.5, 15.5, 31.5])


def test_defaults():
    assert Preparation() == Preparation(
        patch_px=128, min_particle_fraction=0.0015, rescaling="standardize"
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"patch_px": 16},
        {"patch_px": 100},
        {"min_particle_fraction": -0.1},
        {"min_particle_fraction": 1},
        {"rescaling": "minmax"},
        {"patch": 64},
        {"flat_field": "slow"},
        {"flat_field_scale": 0.25},
        {"flat_field_scale": 1.5, "flat_field": "exact"},
    ],
)
def test_values_out_of_range_are_refused(wrong):
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        Preparation(**wrong)
