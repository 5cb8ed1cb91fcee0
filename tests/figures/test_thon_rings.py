"""Thon rings show T² along both directions."""

import numpy as np
import pytest
from matplotlib.patches import Circle

from hrtem_shift.figures.thon_rings import thon_rings_figure
from hrtem_shift.microscope.aberrations import contrast_transfer
from hrtem_shift.microscope.conditions import Lens
from hrtem_shift.shift.measure import TransferMeasure

MEASURE = TransferMeasure()
LENSES = {
    "round": Lens(defocus_nm=20),
    "astigmatic": Lens(defocus_nm=20, c12_nm=8),
    "comatic": Lens(defocus_nm=20, c21_nm=200),
}


def panels(lenses=LENSES, **options):
    figure = thon_rings_figure(lenses, MEASURE, **options)
    return {ax.get_title(): ax for ax in figure.axes if ax.get_title()}


def test_pixels_are_the_square_of_the_transfer():
    shown = panels()
    assert list(shown) == list(LENSES)
    for name, ax in shown.items():
        (image,) = ax.images
        power = np.asarray(image.get_array())
        q = np.linspace(-8, 8, len(power))
        middle = len(power) // 2
        directions = ((0, q), (q, 0))
        expected = [np.abs(contrast_transfer(*at, LENSES[name], 300)) ** 2 for at in directions]
        assert power[middle] == pytest.approx(expected[0])
        assert power[:, middle] == pytest.approx(expected[1])


def test_circles_bound_the_band_and_mark_planes():
    ax = panels(spacings_nm={"Au 111": 0.2355})["round"]
    radii = [patch.radius for patch in ax.patches if isinstance(patch, Circle)]
    assert radii == pytest.approx([0.5, 8.0, 1 / 0.2355])


def test_rows_of_four_leave_no_empty_frame():
    figure = thon_rings_figure({str(k): Lens(defocus_nm=k) for k in range(6)}, MEASURE)
    squares = [ax for ax in figure.axes if ax.images]
    assert sum(ax.get_visible() for ax in squares) == 6
    below = [ax.xaxis.get_tick_params()["labelbottom"] for ax in squares]
    assert below == [False, False, True, True, True, True]
