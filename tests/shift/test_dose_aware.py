"""Measures that know the dose and the camera, in closed form; overlap of transfer knows neither."""

import math

import numpy as np
import pytest

from hrtem_shift.microscope.conditions import ImagingConditions
from hrtem_shift.microscope.detector import dqe
from hrtem_shift.shift.information import (
    crystal_phase_power,
    random_atoms_phase_power,
    transfer_information,
)
from hrtem_shift.shift.measure import TransferMeasure
from hrtem_shift.shift.overlap import information_overlap, transfer_overlap
from hrtem_shift.shift.rank_correlation import within_rows
from hrtem_shift.structures.crystals import CRYSTALS

MEASURE = TransferMeasure()
SPECIMEN = random_atoms_phase_power(34, 60, 300)
DOSES = (1600.0, 400.0, 150.0, 60.0, 20.0)
# Far from focus sin² is 1/2 on average, whatever the ratio of signal to noise beside it.
FAR = {"defocus_nm": 400.0}


def flat(power_A2):
    return lambda q_per_nm: np.full_like(q_per_nm, power_A2)


def at(dose_e_per_A2, **fields):
    return ImagingConditions(dose_e_per_A2=dose_e_per_A2, **fields)


def test_a_dose_aware_measure_orders_cells_that_differ_in_dose_only():
    """Overlap of transfer says 'no shift' in every cell; the overlap of information orders them."""
    conditions = [at(dose, defocus_nm=12, focal_spread_std_nm=2) for dose in DOSES]
    for kind in ("magnitude", "signed", "power", "containment", "jaccard"):
        np.testing.assert_allclose(
            transfer_overlap(conditions, conditions, MEASURE, kind), 1, atol=1e-9
        )
    loss = np.abs(np.subtract.outer(np.log(DOSES), np.log(DOSES)))  # grows with the dose ratio
    assert np.isnan(within_rows(np.ones_like(loss), -loss)).all()
    for evidence in ("bits", "wiener"):
        jaccard = information_overlap(
            conditions, conditions, MEASURE, SPECIMEN, "jaccard", evidence
        )
        away = np.where(np.eye(len(DOSES), dtype=bool), np.nan, jaccard)
        of_row = within_rows(away[[0, -1]], -loss[[0, -1]])  # all others lie on one side
        np.testing.assert_allclose(of_row, 1)
        assert (np.diff(jaccard[0]) < -0.01).all() and (np.diff(jaccard[-1]) > 0.01).all()
        contained = information_overlap(
            conditions, conditions, MEASURE, SPECIMEN, evidence=evidence
        )
        assert contained[0] == pytest.approx(1)  # the highest dose has seen what the others show
        assert (np.diff(contained[-1]) > 0).all()


def test_bits_and_wiener_share_of_a_far_defocus_are_their_means_over_one_period():
    """Means over a period of sin²: ln(1 + r sin²) -> 2 ln((1 + sqrt(1 + r)) / 2), and
    r sin² / (1 + r sin²) -> 1 - 1 / sqrt(1 + r)."""
    dose, power_A2 = 50.0, 0.02
    r = 4 * dose * power_A2
    table = transfer_information([at(dose, **FAR)], MEASURE, flat(power_A2)).iloc[0]
    bits = 2 * math.log2((1 + math.sqrt(1 + r)) / 2)
    assert table["bits_per_A2"] == pytest.approx(bits * MEASURE.area_per_nm2 / 200, rel=5e-3)
    assert table["share"] == pytest.approx(bits / math.log2(1 + r), rel=5e-3)
    assert table["wiener"] == pytest.approx(1 - 1 / math.sqrt(1 + r), rel=5e-3)


def test_a_camera_takes_away_what_its_dqe_says():
    """At low dose information is linear in the DQE, which is flat for spots of equal width."""
    lens = {"defocus_nm": 12.0, "focal_spread_std_nm": 2.0}
    camera = {"dqe_zero": 0.5, "spot_std_px": 0.7}
    perfect, real = (
        transfer_information([at(1e-4, **lens, **each)], MEASURE, SPECIMEN, pixel_size_nm=0.04)
        for each in ({}, camera)
    )
    assert real["bits_per_A2"][0] == pytest.approx(perfect["bits_per_A2"][0] / 2, rel=1e-4)
    blurred = at(400, **lens, scatter_std_px=1.4)
    sharp = at(400, **lens)
    shown = information_overlap(
        [sharp, blurred], [sharp, blurred], MEASURE, SPECIMEN, pixel_size_nm=0.04
    )
    assert shown[0, 1] == pytest.approx(1) and shown[1, 0] < 0.8
    assert dqe(4 * 0.04, blurred, 64) < 0.2


def test_the_phase_power_of_a_crystal_is_the_sum_of_its_elements():
    """Gold has 4 atoms in a cube of 0.40782 nm; a compound is the sum of its parts."""
    q = np.linspace(0.5, 8, 5)
    gold = crystal_phase_power(CRYSTALS["Au"], 3.0, 300)(q)
    per_nm2 = 4 / abs(np.linalg.det(CRYSTALS["Au"].cell_nm)) * 3
    np.testing.assert_allclose(gold, random_atoms_phase_power(79, per_nm2, 300)(q))
    assert per_nm2 == pytest.approx(4 / 0.40782**3 * 3, rel=1e-3)
    cdse = CRYSTALS["CdSe_wurtzite"]
    each = 2 / abs(np.linalg.det(cdse.cell_nm)) * 3
    parts = [random_atoms_phase_power(z, each, 300)(q) for z in (48, 34)]
    np.testing.assert_allclose(crystal_phase_power(cdse, 3.0, 300)(q), sum(parts))
