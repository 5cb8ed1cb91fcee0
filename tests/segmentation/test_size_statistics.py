"""Size statistics: known answers, intervals that hold what they promise, and images as groups."""

import time

import numpy as np
import pandas as pd
import pytest
from scipy.stats import bootstrap, norm

from hrtem_shift.segmentation.measures import summarise_sizes
from hrtem_shift.segmentation.size_statistics import (
    ALL,
    COLUMNS,
    STATISTICS,
    WITHOUT_OUTSIDE,
    batch_size_statistics,
    size_statistics,
)

MU, SIGMA = 1.5, 0.3


def particles(diameters_nm, images="a", cut=False):
    return pd.DataFrame(
        {"image": images, "equivalent_diameter_nm": diameters_nm, "touches_border": cut}
    )


def log_normal(seed, n, n_images=1, sigma_between=0.0):
    rng = np.random.default_rng(seed)
    image = np.arange(n) % n_images
    logs = rng.normal(MU, SIGMA, n) + rng.normal(0, sigma_between, n_images)[image]
    return particles(np.exp(logs), [f"image_{k}" for k in image])


def by_statistic(table, **options):
    return size_statistics(table, **options).set_index("statistic")


def test_points_by_number_and_mean_are_those_of_an_image_s_summary():
    table = particles([1.0, 2.0, 3.0, 4.0, 10.0], cut=[False] * 4 + [True])
    rows = size_statistics(table)
    assert tuple(rows.columns) == COLUMNS
    assert tuple(rows["statistic"]) == STATISTICS
    assert rows["value_nm"].tolist() == pytest.approx([1.3, 2.5, 3.7, 2.5])
    summary = summarise_sizes(table)
    names = ("d10_diameter_nm", "d50_diameter_nm", "d90_diameter_nm", "mean_diameter_nm")
    assert rows["value_nm"].tolist() == pytest.approx([summary[name] for name in names])
    assert set(rows["n_particles"]) == {4} and set(rows["n_images"]) == {1}


def test_equal_particles_have_an_interval_without_width():
    rows = size_statistics(particles([5.0] * 12, ["a", "b"] * 6))
    assert (rows[["value_nm", "low_nm", "high_nm"]] == 5.0).all(axis=None)


def test_without_whole_particles_nothing_is_known():
    for table in (particles([]), particles([3.0], cut=True)):
        rows = size_statistics(table)
        assert rows[["value_nm", "low_nm", "high_nm"]].isna().all(axis=None)
        assert (rows[["n_particles", "n_images"]] == 0).all(axis=None)


def test_one_particle_has_a_size_and_no_interval():
    rows = size_statistics(particles([3.0]))
    assert (rows["value_nm"] == 3.0).all()
    assert rows[["low_nm", "high_nm"]].isna().all(axis=None)


def test_of_one_image_the_interval_is_that_of_scipy():
    table = log_normal(3, 200)
    diameters = table["equivalent_diameter_nm"].to_numpy()
    ours = by_statistic(table, seed=1)
    for name, statistic in {"mean": np.mean, "D50": np.median}.items():
        theirs = bootstrap(
            (diameters,), statistic, n_resamples=4000, method="percentile", rng=0
        ).confidence_interval
        width = theirs.high - theirs.low
        assert ours.loc[name, "low_nm"] == pytest.approx(theirs.low, abs=0.1 * width)
        assert ours.loc[name, "high_nm"] == pytest.approx(theirs.high, abs=0.1 * width)


@pytest.mark.slow
def test_95_percent_intervals_of_100_particles_hold_the_truth_as_often_as_they_say():
    truth = {"D50": np.exp(MU), "mean": np.exp(MU + SIGMA**2 / 2)}
    held = dict.fromkeys(truth, 0)
    for seed in range(200):
        rows = by_statistic(log_normal(1000 + seed, 100), seed=seed)
        for name, value in truth.items():
            held[name] += rows.loc[name, "low_nm"] <= value <= rows.loc[name, "high_nm"]
    assert all(0.90 <= count / 200 <= 0.98 for count in held.values()), held


def test_images_that_differ_widen_the_interval():
    table = log_normal(5, 400, n_images=20, sigma_between=0.3)
    together = by_statistic(table.assign(image="a"))
    apart = by_statistic(table)
    widths = [rows["high_nm"] - rows["low_nm"] for rows in (together, apart)]
    assert (widths[1] > 1.8 * widths[0]).loc[["D50", "mean"]].all()
    assert (apart["value_nm"] == together["value_nm"]).all()


@pytest.mark.slow
def test_of_images_that_differ_intervals_hold_the_truth():
    """Of twenty images; drawing particles alone holds the mean in far fewer cases."""
    mean, n = np.exp(MU + (SIGMA**2 + 0.3**2) / 2), 40
    held = {"images drawn": 0, "particles alone": 0}
    for seed in range(n):
        table = log_normal(seed, 200, n_images=20, sigma_between=0.3)
        for drawn, given in zip(held, (table, table.assign(image="a")), strict=True):
            row = by_statistic(given, seed=seed).loc["mean"]
            held[drawn] += row["low_nm"] <= mean <= row["high_nm"]
    assert held["images drawn"] / n > 0.85 > 0.75 > held["particles alone"] / n


def test_the_order_of_rows_decides_nothing_and_the_seed_does():
    table = log_normal(7, 60, n_images=3)
    rows = size_statistics(table, seed=4)
    pd.testing.assert_frame_equal(rows, size_statistics(table, seed=4))
    pd.testing.assert_frame_equal(
        rows, size_statistics(table.sample(frac=1, random_state=0), seed=4)
    )
    assert not rows.equals(size_statistics(table, seed=5))


def test_groups_may_be_another_column():
    table = log_normal(8, 40, n_images=4).assign(day=["x", "y"] * 20)
    assert set(size_statistics(table, groups="day")["n_images"]) == {2}


def test_5000_particles_take_less_than_two_seconds():
    table = log_normal(9, 5000, n_images=20)
    start = time.process_time()
    size_statistics(table)
    assert time.process_time() - start < 2


def test_a_batch_is_counted_with_and_without_images_outside():
    summary = pd.DataFrame({"image": ["a", "b", "c"], "verdict": ["outside", "in range", np.nan]})
    table = particles([10.0, 10.0, 1.0, 2.0, 3.0], ["a", "a", "b", "b", "b"])
    rows = batch_size_statistics(summary, table).set_index(["counted", "statistic"])
    assert tuple(rows.loc[(ALL, "mean"), ["value_nm", "n_particles", "n_images"]]) == (5.2, 5, 2)
    few = rows.loc[(WITHOUT_OUTSIDE, "mean"), ["value_nm", "n_particles", "n_images"]]
    assert tuple(few) == (2.0, 3, 1)


def test_a_batch_without_verdicts_is_counted_too():
    summary = pd.DataFrame({"image": ["a"], "status": ["failed"]})
    rows = batch_size_statistics(summary, particles([], []))
    assert len(rows) == 2 * len(STATISTICS) and rows["value_nm"].isna().all()


@pytest.mark.parametrize("probability", [0.1, 0.5, 0.9])
def test_points_tend_to_those_of_the_distribution(probability):
    table = log_normal(11, 20000)
    name = f"D{probability * 100:.0f}"
    expected = np.exp(MU + SIGMA * norm.ppf(probability))
    assert by_statistic(table).loc[name, "value_nm"] == pytest.approx(expected, rel=0.01)
