"""Conditions of images: drawn jointly, each by its own address, refused before they go wrong."""

import math

import numpy as np
import pytest
from pydantic import ValidationError

from hrtem_shift.microscope.conditions import ImagingConditions
from hrtem_shift.microscope.imaging_distribution import (
    ImagingDistribution,
    conditions_of,
    sample_conditions,
)

IMAGING = {
    "defocus_nm": ["normal", 10, 2],
    "c12_nm": ["uniform", 0, 4],
    "c12_azimuth_deg": ["uniform", 0, 180],
    "dose_e_per_A2": 100,
}


def distribution(imaging=IMAGING, **rest):
    return ImagingDistribution(imaging=imaging, **rest)


def drawn(given, scenes=8, images=4, sessions=1):
    return sample_conditions(given, scenes, images, sessions, 7, "set")


def test_a_row_is_an_image_with_every_condition():
    table = drawn(distribution())
    assert len(table) == 32
    assert list(table["scene"]) == sorted(list(range(8)) * 4)
    assert set(ImagingConditions.model_fields) <= set(table)
    conditions = conditions_of(table.iloc[5].to_dict())
    assert conditions.defocus_nm == table["defocus_nm"][5]
    assert conditions.dose_e_per_A2 == 100
    assert conditions.absorption_length_nm is None and math.isnan(table["absorption_length_nm"][5])


def test_values_follow_their_distributions_independently():
    table = drawn(distribution(), scenes=100, images=20)
    defocus, astigmatism = table["defocus_nm"], table["c12_nm"]
    assert defocus.between(6, 14).all()
    assert abs(defocus.mean() - 10) < 0.15 and abs(defocus.std() / (2 * 0.8796) - 1) < 0.05
    assert abs(astigmatism.mean() - 2) < 0.1 and astigmatism.between(0, 4).all()
    assert abs(np.corrcoef(defocus, astigmatism)[0, 1]) < 0.07


def test_an_image_is_the_same_whatever_else_is_drawn():
    """Neither another quantity nor more scenes or images move an independent draw."""
    all_of_it = drawn(distribution())
    only = {"defocus_nm": IMAGING["defocus_nm"], "dose_e_per_A2": ["uniform", 1, 2]}
    other = drawn(distribution(only), scenes=11, images=5)
    kept = other[(other["scene"] < 8) & (other["image"] < 4)]
    np.testing.assert_array_equal(kept["defocus_nm"], all_of_it["defocus_nm"])


@pytest.mark.parametrize("sampler", ["sobol", "latin_hypercube"])
def test_a_joint_sampler_fills_the_ranges_of_a_set_evenly(sampler):
    """64 points: each of 16 slabs of a range gets 4, and no two conditions go together."""
    table = drawn(distribution(imaging_sampler=sampler), scenes=16, images=4)
    counts = np.histogram(table["c12_azimuth_deg"], bins=16, range=(0, 180))[0]
    assert (counts == 4).all()
    assert table["c12_nm"].nunique() == 64
    assert abs(np.corrcoef(table["c12_nm"], table["c12_azimuth_deg"])[0, 1]) < 0.3


def test_what_a_session_has_is_shared_by_its_images_alone():
    given = distribution(session={"illumination_drop": ["uniform", 0, 0.3], "drift_x_nm": 0.1})
    table = drawn(given, scenes=6, images=3, sessions=2)
    assert table.groupby("session")["illumination_drop"].nunique().tolist() == [1, 1]
    assert table["illumination_drop"].nunique() == 2
    assert (table["drift_x_nm"] == 0.1).all()
    assert table.groupby("session")["scene"].unique().map(list).tolist() == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize(
    ("change", "place", "said"),
    [
        ({"dose_e_per_A2": ["normal", 10, 10]}, "dose_e_per_A2", "greater than 0"),
        ({"dose_e_per_A2": 0}, "dose_e_per_A2", "greater than 0"),
        ({"defocus_nm": math.nan}, "defocus_nm", "finite number"),
        ({"c12_nm": math.inf}, "c12_nm", "finite number"),
        ({"focal_spread_std_nm": ["uniform", -0.1, 2]}, "focal_spread_std_nm", "it goes to -0.1"),
        ({"cs_mm": None}, "cs_mm", "valid number"),
        ({"defocos_nm": 3}, "defocos_nm", "did you mean 'defocus_nm'?"),
        ({"defocus_nm": ["normal", 3]}, "defocus_nm", "is no quantity"),
    ],
)
def test_an_impossible_condition_is_named_with_its_place(change, place, said):
    with pytest.raises(ValidationError) as refused:
        distribution(IMAGING | change)
    (fault,) = refused.value.errors()
    assert fault["loc"] == ("imaging", place)
    assert said in fault["msg"]


def test_all_faults_come_at_once():
    with pytest.raises(ValidationError) as refused:
        distribution({"defocus_nm": 3, "dqe_zero": 2}, session={"defocus_nm": 1, "spot_std_px": -1})
    places = {fault["loc"] for fault in refused.value.errors()}
    assert places == {
        ("session", "defocus_nm"),
        ("imaging", "dqe_zero"),
        ("session", "spot_std_px"),
        ("imaging", "dose_e_per_A2"),
    }


def test_absence_can_be_said():
    table = drawn(distribution(IMAGING | {"absorption_length_nm": None}))
    assert table["absorption_length_nm"].isna().all()
