"""Transfer smoothed by the receptive field, against the exact integral over q."""

import math

import numpy as np
import pytest

from hrtem_shift.microscope.aberrations import contrast_transfer
from hrtem_shift.microscope.conditions import Lens
from hrtem_shift.microscope.electrons import wavelength_nm
from hrtem_shift.shift.measure import TransferMeasure
from hrtem_shift.shift.resolution import as_resolved
from hrtem_shift.shift.transfer import transfer_power

FIELD_NM = 7.4  # 185 px of 0.04 nm


@pytest.mark.parametrize(("defocus_nm", "largest_error"), [(12.0, 0.01), (60.0, 0.03)])
def test_it_is_the_convolution_of_the_transfer_with_a_gaussian(defocus_nm, largest_error):
    """The Gaussian mean of exp(-i a (q + k)²) is exp(-i a q² / c) / c with c = 1 + 2 i a s²."""
    a, s = math.pi * wavelength_nm(300) * defocus_nm, 1 / FIELD_NM
    q = np.linspace(0.5, 8, 400)
    c = 1 + 2j * a * s**2
    exact = (np.exp(1j * a * q**2 / np.conj(c)) / np.conj(c)).imag
    (lens,) = as_resolved([Lens(defocus_nm=defocus_nm)], FIELD_NM, 300)
    smoothed = contrast_transfer(0, q, lens, 300).real
    sharp = contrast_transfer(0, q, Lens(defocus_nm=defocus_nm), 300).real
    assert np.abs(smoothed - exact).max() < largest_error
    assert defocus_nm < 60 or np.abs(sharp - exact).max() > 2 * largest_error


def test_a_spread_of_the_illumination_is_widened_and_kept_in_quadrature():
    angle_mrad = 1e3 * wavelength_nm(300) / FIELD_NM
    (lens,) = as_resolved([Lens(illumination_angle_std_mrad=0.3)], FIELD_NM, 300)
    assert lens.illumination_angle_std_mrad == pytest.approx(math.hypot(0.3, angle_mrad))


def test_fine_rings_are_washed_out_and_coarse_ones_stay():
    measure = TransferMeasure()
    near, far = Lens(defocus_nm=6), Lens(defocus_nm=120)
    power = transfer_power([near, far], measure)
    resolved = transfer_power(as_resolved([near, far], FIELD_NM, 300), measure)
    assert resolved[0] > 0.95 * power[0] and resolved[1] < 0.5 * power[1]
