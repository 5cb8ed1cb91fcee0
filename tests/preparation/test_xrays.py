"""Promise: the published rule to the letter, at the cost of the struck pixels alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hrtem_shift.microscope.conditions import ImagingConditions
from hrtem_shift.microscope.detector import record
from hrtem_shift.preparation.xrays import _xray_pixels, remove_xrays


def published(pixels, threshold):
    """The rule as the study's authors wrote it down, step by step over the whole image."""
    image = np.where(pixels < 0, 0, pixels).astype(np.float32)
    height, width = image.shape
    for _ in range(2):
        places = np.argwhere(image > np.median(image) + threshold)
        order = np.argsort([image[y, x] for y, x in places], kind="stable")
        for y, x in places[order][::-1]:
            if y in (0, height - 1) or x in (0, width - 1):
                image[y, x] = image.mean()
            else:
                above, below = image[y - 1, x - 1 : x + 2], image[y + 1, x - 1 : x + 2]
                around = np.sum(above) + image[y, x - 1] + image[y, x + 1] + np.sum(below)
                image[y, x] = around / 8
    return image


@settings(max_examples=200)
@given(
    height=st.integers(1, 24),
    width=st.integers(1, 24),
    share=st.floats(0, 0.5),
    threshold=st.sampled_from([5.0, 20.0, 50.0, 1500.0]),
    whole=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_images_are_those_of_the_published_rule_to_the_last_bit(
    height, width, share, threshold, whole, seed
):
    rng = np.random.default_rng(seed)
    pixels = rng.uniform(-3, 40, (height, width)).astype(np.float32)
    pixels = pixels.round() if whole else pixels
    pixels[rng.random((height, width)) < share] += 16 * rng.integers(0, 400)
    before = pixels.copy()
    cleaned, count = remove_xrays(pixels, threshold)
    np.testing.assert_array_equal(cleaned, published(pixels, threshold))
    np.testing.assert_array_equal(pixels, before)
    assert cleaned.dtype == np.float32
    assert count >= np.count_nonzero(cleaned != np.maximum(pixels, 0))


@pytest.mark.parametrize(
    ("kind", "threshold"),
    [
        ("noise", 300.0),
        ("noise", 25.0),
        ("odd", 25.0),
        ("ramp", 1500.0),
        ("few values", 3.0),
        ("two", 40.0),
    ],
)
def test_large_images_are_too(kind, threshold):
    """Beyond 2^16 pixels a sample brackets the median; tails and ties need its exact value."""
    rng, shape = np.random.default_rng(3), (300, 400)
    pixels = {
        "noise": rng.poisson(80, shape),
        "odd": rng.normal(80, 9, (301, 399)),
        "ramp": np.linspace(0, 5000, 120_000).reshape(shape),
        "few values": rng.poisson(0.7, shape),
        "two": np.where(np.arange(120_000).reshape(shape) < 60_000, 0, 100),
    }[kind].astype(np.float32)
    pixels[rng.integers(0, 300, 9), rng.integers(0, 400, 9)] = 9000
    if kind != "two":  # half of its pixels stand out
        np.testing.assert_array_equal(
            remove_xrays(pixels, threshold)[0], published(pixels, threshold)
        )
    assert (
        _xray_pixels(pixels.ravel(), threshold)
        == np.flatnonzero(pixels.ravel() > np.median(pixels) + threshold)
    ).all()


@st.composite
def images_with_single_xrays(draw):
    """Whole counts from 0 to 99, x-rays no two of which touch, none at the border; and where."""
    height, width = draw(st.integers(3, 30)), draw(st.integers(3, 30))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    pixels = rng.integers(0, 100, (height, width)).astype(np.float32)
    apart = np.zeros(pixels.shape, bool)
    apart[draw(st.integers(1, 2)) : -1 : 2, draw(st.integers(1, 2)) : -1 : 2] = True
    struck = apart & (rng.random(pixels.shape) < 0.3)
    pixels[struck] = 1000 + rng.permutation(struck.sum())
    return pixels, struck


@given(images_with_single_xrays())
def test_single_xrays_vanish_alone_and_repeating_changes_nothing(image):
    pixels, struck = image
    cleaned, count = remove_xrays(pixels, 100)
    assert count == struck.sum()
    np.testing.assert_array_equal(cleaned[~struck], pixels[~struck])
    assert cleaned.max() < 100
    again, none = remove_xrays(cleaned, 100)
    assert none == 0
    np.testing.assert_array_equal(again, cleaned)


@given(images_with_single_xrays(), st.sampled_from([(0,), (1,), (0, 1)]))
def test_single_xrays_are_repaired_in_a_mirror_too(image, axes):
    pixels, _ = image
    cleaned, count = remove_xrays(pixels, 100)
    mirrored, same = remove_xrays(np.flip(pixels, axes), 100)
    assert same == count
    np.testing.assert_array_equal(np.flip(mirrored, axes), cleaned)


def test_the_rule_mends_no_large_cluster_and_sees_the_order_of_equals():
    """Where the published rule is neither idempotent nor the same in a mirror."""
    pixels = np.zeros((7, 8), np.float32)
    pixels[2:5, 2:5] = 60_000
    once, twice = remove_xrays(pixels)[0], remove_xrays(remove_xrays(pixels)[0])[0]
    assert once.max() > 1500 and twice.max() < once.max()
    pair = np.zeros((5, 6), np.float32)
    pair[2, 2:4] = 8000
    assert remove_xrays(pair)[0][2, 2:4].tolist() == [125, 1000]
    assert remove_xrays(pair[:, ::-1])[0][2, 2:4].tolist() == [125, 1000]


def test_a_struck_pixel_gets_the_mean_of_its_eight_neighbours():
    pixels = np.arange(25.0).reshape(5, 5)
    pixels[1, 2] = 9000
    cleaned, count = remove_xrays(pixels)
    assert count == 1
    assert cleaned[1, 2] == np.mean([1, 2, 3, 6, 8, 11, 12, 13])
    cleaned[1, 2] = 9000
    np.testing.assert_array_equal(cleaned, pixels)


def test_the_brightest_goes_first_and_serves_the_next():
    pixels = np.full((5, 5), 16.0)
    pixels[2, 2], pixels[2, 3] = 8016, 4016
    cleaned, _ = remove_xrays(pixels)
    first = 16 + 4000 / 8  # the dimmer one is still there
    assert cleaned[2, 2] == first and cleaned[2, 3] == 16 + (first - 16) / 8


def test_at_the_border_a_pixel_gets_the_mean_of_the_image():
    pixels = np.full((10, 10), 20.0)
    pixels[0, 4] = 5020
    cleaned, count = remove_xrays(pixels)
    assert (cleaned[0, 4], count) == (70, 1)


def test_the_limit_is_the_median_and_not_the_mean():
    pixels = np.zeros((20, 20))
    pixels[:4] = 10_000  # mean 2000, median 0
    pixels[10, 10] = 1501
    pixels[15, 15] = 1500
    cleaned, _ = remove_xrays(pixels)
    assert (cleaned[10, 10], cleaned[15, 15]) == (0, 1500)


def test_what_stands_out_after_the_first_pass_is_repaired_by_the_second():
    pixels = np.zeros((5, 6))
    pixels[2, 2:4] = 64_000
    cleaned, count = remove_xrays(pixels)
    # First pass: 8000 beside 64000 / 8² = 1000; second: 8000 still exceeds 1500.
    assert (cleaned[2, 3], cleaned[2, 2], count) == (125, 1000, 2)


def test_images_without_xrays_lose_their_negative_counts_alone():
    pixels = np.random.default_rng(0).normal(30, 20, (64, 64)).astype(np.float32)
    cleaned, count = remove_xrays(pixels)
    assert count == 0
    np.testing.assert_array_equal(cleaned, np.maximum(pixels, 0))


def test_xrays_of_the_camera_are_found_and_the_rest_stays():
    intensity = np.ones((256, 256), dtype=np.float32)
    quiet, struck = (
        record(
            intensity,
            ImagingConditions(dose_e_per_A2=400, counts_per_electron=8, **xrays),
            0.02,
            np.random.default_rng(5),
        )
        for xrays in ({}, {"xrays_per_image": 10, "xray_counts": 1e5})
    )
    hit = (struck - quiet) > 1500 + 128  # so far above that noise cannot hide them
    cleaned, count = remove_xrays(struck)
    assert np.count_nonzero(hit) > 3
    assert np.count_nonzero(hit) <= count <= np.count_nonzero(struck != quiet)
    assert cleaned.max() < 400
    np.testing.assert_array_equal(cleaned[struck == quiet], quiet[struck == quiet])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.float64])
def test_every_number_type_is_read(dtype):
    cleaned, _ = remove_xrays(np.full((4, 4), 7, dtype))
    assert (cleaned == 7).all()
