from collections import Counter

import numpy as np
import pytest
from scipy.ndimage import binary_dilation

from hrtem_shift.mass_thickness import micrographs
from hrtem_shift.mass_thickness.micrographs import MODES, PIXEL_SIZES_nm, draw_micrograph
from hrtem_shift.mass_thickness.transmission import MATERIALS

NUMBER = 100
SHAPE = (96, 112)


@pytest.fixture(scope="module")
def drawn():
    return [draw_micrograph(3, "test", k, shape=SHAPE) for k in range(NUMBER)]


def radii(micrograph):
    areas = np.bincount(micrograph.labels.ravel())[1:]
    return np.sqrt(areas[areas > 0] / np.pi)


def beside(labels):
    """A ring around the particles, one pixel away from them."""
    inside = labels > 0
    return binary_dilation(inside, iterations=3) & ~binary_dilation(inside)


def contrasts(drawn, mode):
    """Mean of the particles less that of the ring around them."""
    return [
        float(m.pixels[m.labels > 0].mean() - m.pixels[beside(m.labels)].mean())
        for m in drawn
        if m.mode == mode and m.labels.any() and beside(m.labels).any()
    ]


def test_same_address_gives_the_same_pixels(drawn):
    for k in (0, 1, 2):
        again = draw_micrograph(3, "test", k, shape=SHAPE)
        assert np.array_equal(again.pixels, drawn[k].pixels)
        assert np.array_equal(again.labels, drawn[k].labels)
        assert again.conditions == drawn[k].conditions
        assert again.mode == drawn[k].mode


def test_other_seeds_and_addresses_give_other_pixels(drawn):
    others = [
        draw_micrograph(4, "test", 0, shape=SHAPE),
        draw_micrograph(3, "other", 0, shape=SHAPE),
        draw_micrograph(3, "test", 0, 0, shape=SHAPE),
        drawn[1],
    ]
    for other in others:
        assert not np.array_equal(other.pixels, drawn[0].pixels)


def test_pixels_are_finite_counts_of_the_shape(drawn):
    for micrograph in drawn:
        assert micrograph.pixels.shape == micrograph.labels.shape == SHAPE
        assert micrograph.pixels.dtype == np.float32
        assert micrograph.labels.dtype == np.int32
        assert np.isfinite(micrograph.pixels).all()
        assert micrograph.pixels.min() >= 0
        assert micrograph.pixels.std() > 0


def test_modes_come_as_often_as_said(drawn):
    counts = Counter(micrograph.mode for micrograph in drawn)
    expected = {"bright_field": 0.7, "dark_field": 0.15, "secondary_electron": 0.15}
    assert set(counts) == set(MODES) == set(expected)
    for mode, share in expected.items():
        assert counts[mode] / NUMBER == pytest.approx(share, abs=0.13)


def test_particles_are_dark_in_bright_field(drawn):
    values = contrasts(drawn, "bright_field")
    assert len(values) > 40
    assert np.mean(np.array(values) < 0) > 0.95


@pytest.mark.parametrize("mode", ["dark_field", "secondary_electron"])
def test_particles_are_bright_in_the_other_modes(drawn, mode):
    values = contrasts(drawn, mode)
    assert len(values) > 8
    assert np.mean(np.array(values) > 0) > 0.9


def test_labels_shifted_by_a_radius_fit_worse(drawn):
    """A wrong place of the labels would pass for dark in a crowd; it lowers the contrast."""
    better = []
    for micrograph in drawn:
        if micrograph.mode != "bright_field" or not 0.02 < (micrograph.labels > 0).mean() < 0.5:
            continue
        shift = max(int(np.median(radii(micrograph))), 2)
        inside = micrograph.labels > 0
        moved = np.roll(inside, (shift, shift), (0, 1))
        pixels = micrograph.pixels
        better.append(
            pixels[inside].mean() - pixels[~inside].mean()
            < pixels[moved].mean() - pixels[~moved].mean()
        )
    assert len(better) > 25
    assert np.mean(better) > 0.95


def test_labels_are_where_particles_have_a_thickness():
    """Without overlap, light, blur and noise: each label is where its particle is."""
    for k in range(30):
        rng = np.random.default_rng(k)
        thickness, labels, strength = micrographs._particles(SHAPE, False, rng)
        assert np.array_equal(thickness > 0, labels > 0)
        assert (strength[labels == 0] == 1).all()
        assert strength.min() > 0


def test_some_are_empty_and_stay_without_labels(drawn):
    empty = [micrograph for micrograph in drawn if not micrograph.labels.any()]
    assert 1 <= len(empty) <= 15
    assert all(micrograph.conditions["particles"] == 0 for micrograph in empty)


def test_six_of_a_hundred_hold_no_particles():
    numbers = [
        micrographs._population(SHAPE, False, np.random.default_rng(k)).number for k in range(2000)
    ]
    assert np.mean(np.array(numbers) == 0) == pytest.approx(0.06, abs=0.015)
    assert 150 < max(numbers) <= 228  # 0.6 of the image in discs of 3 px


def test_numbers_of_particles_span_what_is_said(drawn):
    counts = [micrograph.conditions["particles"] for micrograph in drawn]
    assert counts == [np.unique(m.labels[m.labels > 0]).size for m in drawn]
    assert sum(0 < count <= 3 for count in counts) >= 5
    assert max(counts) > 100


def test_radii_span_what_is_said(drawn):
    sizes = [radii(m) for m in drawn if m.labels.any()]
    medians = np.array([np.median(each) for each in sizes])
    assert medians.min() < 4
    assert medians.max() > 15
    assert np.concatenate(sizes).max() < 0.4 * min(SHAPE) * np.sqrt(1.35)


def test_particles_alike_and_of_all_sizes(drawn):
    spreads = [np.std(np.log(radii(m))) for m in drawn if radii(m).size > 15]
    assert min(spreads) < 0.45
    assert max(spreads) > 0.6


def test_some_particles_touch_and_some_stand_apart(drawn):
    shares = []
    for micrograph in drawn:
        labels = micrograph.labels
        if np.unique(labels).size < 6:
            continue
        right, left = labels[:, 1:], labels[:, :-1]
        between = (right > 0) & (left > 0) & (right != left)
        shares.append(between.sum() / (labels > 0).sum())
    assert min(shares) == 0
    assert max(shares) > 0.02


def test_conditions_lie_in_their_ranges(drawn):
    ranges = {
        "pixel_size_nm": PIXEL_SIZES_nm,
        "electrons_per_px": (5, 31_623),
        "blur_px": (0.3, 2),
        "contrast": (0.3, 1),
        "gamma": (0.6, 1.6),
        "printed": (0, 1),
    }
    for name, (low, high) in ranges.items():
        values = np.array([micrograph.conditions[name] for micrograph in drawn])
        assert values.min() >= low
        assert values.max() <= high
        assert np.ptp(values) > 0.6 * (high - low)
    assert set(drawn[0].conditions) == {*ranges, "particles"}


def test_nothing_is_labelled_under_burned_in_marks(monkeypatch):
    inked = np.zeros(SHAPE, bool)
    inked[20:70] = True
    calls = []

    def half_inked(pixels, rng):
        calls.append(pixels)
        return pixels, inked

    monkeypatch.setattr(micrographs, "burn_in", half_inked)
    for k in range(20):
        before = len(calls)
        micrograph = draw_micrograph(3, "test", k, shape=SHAPE)
        if len(calls) > before:
            assert not micrograph.labels[inked].any()
    assert 2 <= len(calls) <= 12


def test_darker_where_thicker():
    """Through a noiseless microscope: the thicker, the darker in bright field."""
    thickness = np.linspace(0, 30, 50, dtype=np.float32)[None].repeat(50, 0)
    flat = np.ones_like(thickness)
    gold, rng = MATERIALS["Au"], np.random.default_rng(1)
    for _ in range(10):
        ideal = micrographs._ideal(
            "bright_field", thickness, flat, flat.astype(np.int32), flat, gold, 1.0, rng
        )
        assert (np.diff(ideal[25, 5:-5]) < 0).all()
        ideal = micrographs._ideal(
            "dark_field", thickness, flat, flat.astype(np.int32), flat, gold, 1.0, rng
        )
        assert (np.diff(ideal[25]) > 0).all()
