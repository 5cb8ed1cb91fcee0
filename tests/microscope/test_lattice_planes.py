"""Spacings of the planes that diffract most, against what is tabulated for powders."""

import numpy as np
import pytest

from hrtem_shift.microscope.lattice_planes import strongest_spacings
from hrtem_shift.structures.crystals import CRYSTALS


@pytest.mark.parametrize(
    ("material", "expected"),
    [
        ("Au", ["111", "200", "311"]),
        ("Fe", ["110", "200", "211"]),
        ("Si", ["111", "220", "311"]),  # 200 is extinct
        ("CdSe_zincblende", ["111", "220", "311"]),
    ],
)
def test_the_strongest_rings_are_those_of_a_powder(material, expected):
    found = strongest_spacings(CRYSTALS[material], 0.11, len(expected))
    assert list(found) == expected


def test_spacings_of_a_cubic_crystal_follow_from_its_edge():
    gold = CRYSTALS["Au"]
    edge_nm = np.linalg.norm(gold.cell_nm[0])
    for name, spacing_nm in strongest_spacings(gold, 0.07, 20).items():
        order = sum(int(index) ** 2 for index in name)
        assert spacing_nm == pytest.approx(edge_nm / np.sqrt(order), rel=1e-9)


def test_wurtzite_has_its_three_close_rings():
    found = strongest_spacings(CRYSTALS["CdSe_wurtzite"], 0.15, 6)
    assert {"100", "002", "101", "110", "103", "112"} == set(found)
    assert found["100"] == pytest.approx(0.372, abs=1e-3)
    assert found["002"] == pytest.approx(0.351, abs=1e-3)


def test_nothing_narrower_than_asked_for():
    spacings_nm = strongest_spacings(CRYSTALS["Au"], 0.21).values()
    assert len(spacings_nm) == 1 and min(spacings_nm) >= 0.21
