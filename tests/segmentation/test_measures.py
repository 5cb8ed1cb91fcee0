"""Measures of particles: shapes with known answers, and what must hold for any."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from skimage.measure import regionprops

from hrtem_shift.segmentation.measures import (
    COLUMNS,
    label_particles,
    measure_particles,
    summarise_sizes,
)


def disc(y, x, radius, side=96):
    rows, columns = np.mgrid[:side, :side]
    return (rows - y) ** 2 + (columns - x) ** 2 <= radius**2


def measured(mask, pixel_size_nm=0.1, spread=None, **options):
    labels = label_particles(mask, pixel_size_nm, **options)
    probability = np.where(mask, 0.9, 0.1).astype(np.float32)
    return measure_particles(labels, probability, spread, pixel_size_nm)


def test_a_disc_has_its_measures_in_nm():
    (row,) = measured(disc(40, 56, 20)).to_dict("records")
    assert tuple(row) == COLUMNS
    assert (row["centroid_x_nm"], row["centroid_y_nm"]) == pytest.approx((5.6, 4.0))
    assert row["area_nm2"] == pytest.approx(np.pi * 2**2, rel=0.01)
    for name in ("equivalent_diameter_nm", "feret_max_nm", "feret_min_nm"):
        assert row[name] == pytest.approx(4.0, rel=0.03)
    assert row["perimeter_nm"] == pytest.approx(np.pi * 4, rel=0.06)
    assert row["circularity"] > 0.88 and row["eccentricity"] < 0.05
    assert row["mean_probability"] == pytest.approx(0.9) and np.isnan(row["mean_spread"])
    assert not row["touches_border"]


def test_a_bar_is_as_long_and_as_wide_as_it_is():
    mask = np.zeros((80, 80), bool)
    mask[30:40, 10:70] = True
    (row,) = measured(mask, pixel_size_nm=0.5).to_dict("records")
    assert row["feret_min_nm"] == pytest.approx(5.0, abs=0.01)
    assert row["feret_max_nm"] == pytest.approx(0.5 * np.hypot(60, 10), rel=0.02)
    assert row["area_nm2"] == pytest.approx(10 * 60 * 0.25)


@pytest.mark.parametrize("angle", [0, 20, 45, 70])
def test_feret_diameters_do_not_depend_on_the_orientation(angle):
    y, x = np.mgrid[:120, :120] - 60
    turn = np.deg2rad(angle)
    u, v = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    (row,) = measured((np.abs(u) <= 40) & (np.abs(v) <= 15)).to_dict("records")
    assert row["feret_min_nm"] == pytest.approx(3.0, abs=0.15)
    assert row["feret_max_nm"] == pytest.approx(0.1 * np.hypot(80, 30), abs=0.2)


@given(arrays(bool, (12, 14)))
def test_what_holds_for_any_particle(mask):
    table = measured(mask, pixel_size_nm=0.5)
    labels = label_particles(mask, 0.5)
    assert table["particle_id"].tolist() == list(range(1, len(table) + 1))
    assert table["area_nm2"].sum() == pytest.approx(0.25 * mask.sum())
    assert (table["feret_min_nm"] <= table["feret_max_nm"] + 1e-12).all()
    assert (table["feret_min_nm"] > 0).all()
    assert table["circularity"].between(0, 1).all()
    for region, largest in zip(
        regionprops(labels, spacing=(0.5, 0.5)), table["feret_max_nm"], strict=True
    ):
        assert abs(region.feret_diameter_max - largest) <= 0.51  # of its filled hull: a pixel


@given(arrays(bool, (10, 10)), st.floats(0.01, 2), st.booleans())
def test_labels_keep_what_is_large_enough_and_clear_of_the_border(mask, size_nm, exclude):
    labels = label_particles(mask, size_nm, min_area_nm2=3 * size_nm**2, exclude_border=exclude)
    areas = np.bincount(labels.ravel())[1:]
    assert (areas >= 3).all()
    assert not (labels.astype(bool) & ~mask).any()
    if exclude:
        edge = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
        assert not edge.any()


@pytest.mark.parametrize("place", [np.s_[0, 5], np.s_[-1, 5], np.s_[5, 0], np.s_[5, -1]])
def test_each_edge_is_a_border(place):
    mask = np.zeros((11, 11), bool)
    mask[place] = True
    assert measured(mask)["touches_border"].tolist() == [True]


def test_means_are_over_the_particle_alone():
    mask = disc(30, 30, 9) | disc(70, 70, 9)
    spread = np.zeros(mask.shape, np.float32)
    spread[:48] = 0.2
    assert measured(mask, spread=spread)["mean_spread"].tolist() == pytest.approx([0.2, 0])


def test_an_empty_mask_has_no_particles_and_no_sizes():
    table = measured(np.zeros((20, 20), bool))
    assert tuple(table.columns) == COLUMNS and table.empty
    found = summarise_sizes(table)
    assert (found["n_particles"], found["n_at_border"]) == (0, 0)
    assert np.isnan(found["d50_diameter_nm"])


def test_sizes_are_summarised_without_what_the_border_cuts():
    table = measured(disc(30, 30, 10) | disc(70, 30, 14) | disc(50, 95, 20))
    found = summarise_sizes(table)
    assert (found["n_particles"], found["n_at_border"]) == (3, 1)
    whole = table.loc[~table["touches_border"], "equivalent_diameter_nm"]
    assert found["mean_diameter_nm"] == pytest.approx(whole.mean())
    assert found["d50_diameter_nm"] == pytest.approx(whole.median())


def test_particles_that_touch_are_separated_by_their_cores():
    y, x = np.mgrid[:60, :90]
    left, right = np.hypot(y - 30, x - 30) < 15, np.hypot(y - 30, x - 58) < 15
    core = ((np.hypot(y - 30, x - 30) < 9) | (np.hypot(y - 30, x - 58) < 9)).astype(np.float32)
    assert label_particles(left | right, 0.1).max() == 1
    labels = label_particles(left | right, 0.1, core)
    assert labels.max() == 2
    assert (labels[left & ~right] == 1).mean() > 0.97
    assert label_particles(left | right, 0.1, core, exclude_border=True).max() == 2
    small = label_particles(left | right, 0.1, core, min_area_nm2=100)
    assert not small.any()
