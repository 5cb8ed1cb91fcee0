"""Transfer functions and images of another program, abTEM 1.0.11 (Madsen and Susi, 2021).

abTEM computes chi in single precision by default, and these conditions reach 1,400 rad: its
images are then 5e-6 away from a double-precision reference, ours 3e-7. So it is set to double
precision here. Its constants are older: wavelengths differ by 6e-9, phases of 1,400 rad by 1e-5.

Its conventions: x first, lengths in Angstrom, angles in mrad, energies in eV, azimuths in rad,
and widths at which a Gaussian falls to 1/e, sqrt(2) standard deviations.
"""

import numpy as np
import pytest
import torch
from scipy.optimize import brentq

from hrtem_shift.microscope.aberrations import scherzer_defocus_nm, wave_transfer
from hrtem_shift.microscope.conditions import Lens
from hrtem_shift.microscope.electrons import wavelength_nm
from hrtem_shift.microscope.imaging import coherent_intensities

abtem = pytest.importorskip("abtem", reason="abTEM, the oracle, comes with the extra dev")

PIXEL_nm = 0.02
SYMBOLS = {  # abTEM's, and Angstrom in our unit
    "c12_nm": ("C12", 10),
    "c21_nm": ("C21", 10),
    "c23_nm": ("C23", 10),
    "cs_mm": ("C30", 1e7),
    "c32_um": ("C32", 1e4),
    "c34_um": ("C34", 1e4),
    "c41_um": ("C41", 1e4),
    "c43_um": ("C43", 1e4),
    "c45_um": ("C45", 1e4),
    "c50_mm": ("C50", 1e7),
    "c52_mm": ("C52", 1e7),
    "c54_mm": ("C54", 1e7),
    "c56_mm": ("C56", 1e7),
}
LARGEST = {  # of the random conditions
    "c12_nm": 20.0,
    "c21_nm": 300.0,
    "c23_nm": 300.0,
    "cs_mm": 1.2,
    "c32_um": 10.0,
    "c34_um": 10.0,
    "c41_um": 100.0,
    "c43_um": 100.0,
    "c45_um": 100.0,
    "c50_mm": 5.0,
    "c52_mm": 5.0,
    "c54_mm": 5.0,
    "c56_mm": 5.0,
}


@pytest.fixture(autouse=True)
def double_precision():
    with abtem.config.set({"precision": "float64", "local_diagnostics.progress_bar": False}):
        yield


def random_lens(rng):
    """Any aberrations; focal spreads and angles that leave something of the wave."""
    given = {name: rng.uniform(-1, 1) * largest for name, largest in LARGEST.items()}
    azimuths = {name: rng.uniform(-180, 180) for name in Lens.model_fields if "azimuth" in name}
    return Lens(
        defocus_nm=rng.uniform(-200, 200),
        **given,
        **azimuths,
        focal_spread_std_nm=rng.uniform(0, 4),
        illumination_angle_std_mrad=rng.uniform(0, 0.1),
    )


def their_ctf(lens, energy_eV=300e3):
    coefficients = {symbol: unit * getattr(lens, name) for name, (symbol, unit) in SYMBOLS.items()}
    azimuths = {
        f"phi{name[1:3]}": np.deg2rad(getattr(lens, name))
        for name in Lens.model_fields
        if "azimuth" in name
    }
    return abtem.CTF(
        energy=energy_eV,
        defocus=10 * lens.defocus_nm,
        focal_spread=10 * np.sqrt(2) * lens.focal_spread_std_nm,
        angular_spread=np.sqrt(2) * lens.illumination_angle_std_mrad,
        **coefficients,
        **azimuths,
    )


def their_image(wave, lens):
    waves = abtem.Waves(np.ascontiguousarray(wave.T), energy=300e3, sampling=10 * PIXEL_nm)
    return waves.apply_ctf(their_ctf(lens)).intensity().compute().array.T


def rough_wave(height, width):
    """A strong object, as rough as the band allows, without any symmetry."""
    rng = np.random.default_rng(0)
    q = np.hypot(*np.meshgrid(np.fft.fftfreq(height), np.fft.fftfreq(width), indexing="ij"))
    phase = np.fft.ifft2(np.fft.fft2(rng.normal(size=(height, width))) * (q < 0.2)).real
    return np.fft.ifft2(np.fft.fft2(np.exp(1j * phase)) * (q < 1 / 3)).astype(np.complex64)


def relative(found, expected):
    return np.linalg.norm(found - expected) / np.linalg.norm(expected)


def test_images_under_50_joint_conditions_of_all_aberrations():
    """Found: 4.6e-7 at most."""
    wave = rough_wave(192, 256)
    rng = np.random.default_rng(1)
    lenses = [random_lens(rng) for _ in range(50)]
    images = coherent_intensities(torch.from_numpy(wave), lenses, 300, PIXEL_nm).numpy()
    assert images.std(axis=(1, 2)).min() > 0.2
    for image, lens in zip(images, lenses, strict=True):
        assert relative(image, their_image(wave, lens)) < 1e-6


def test_complex_transfer_of_all_aberrations():
    """At the energy that makes up for the constants; found: 3e-12."""
    theirs_A, ours_A = abtem.core.energy.energy2wavelength, 10 * wavelength_nm(300)
    energy_eV = brentq(lambda energy_eV: theirs_A(energy_eV) - ours_A, 299e3, 301e3, xtol=1e-7)
    rng = np.random.default_rng(2)
    qy_per_nm, qx_per_nm = np.linspace(-16, 16, 65)[:, None], np.linspace(-16, 10, 53)
    alpha = wavelength_nm(300) * np.hypot(qy_per_nm, qx_per_nm)
    azimuth = np.arctan2(qy_per_nm, qx_per_nm)
    for _ in range(20):
        lens = random_lens(rng)
        theirs = their_ctf(lens, energy_eV)._evaluate_from_angular_grid(alpha, azimuth)
        ours = wave_transfer(qy_per_nm, qx_per_nm, lens, 300)
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-10)


def test_their_widths_are_sqrt2_standard_deviations():
    """At Scherzer defocus of 1.2 mm; read as standard deviations they change the wave by 0.25."""
    round_lens = {"defocus_nm": scherzer_defocus_nm(1.2, 300), "cs_mm": 1.2}
    q_per_nm = np.linspace(0, 8, 401)

    def ours(focal_spread_nm, angle_mrad):
        widths = {
            "focal_spread_std_nm": focal_spread_nm,
            "illumination_angle_std_mrad": angle_mrad,
        }
        return wave_transfer(0, q_per_nm, Lens(**round_lens, **widths), 300)

    ctf = abtem.CTF(
        energy=300e3,
        defocus=10 * round_lens["defocus_nm"],
        C30=1.2e7,
        focal_spread=30,
        angular_spread=0.5,
    )
    alpha = q_per_nm / 10 * abtem.core.energy.energy2wavelength(300e3)
    theirs = ctf._evaluate_from_angular_grid(alpha, 0 * alpha)
    np.testing.assert_allclose(ours(3 / 2**0.5, 0.5 / 2**0.5), theirs, rtol=0, atol=1e-6)
    assert np.abs(ours(3, 0.5) - theirs).max() == pytest.approx(0.25, abs=0.01)
    assert np.abs(ours(3, 0.5 / 2**0.5) - theirs).max() > 0.02
    assert np.abs(ours(3 / 2**0.5, 0.5) - theirs).max() > 0.02


def test_their_arrays_hold_x_first():
    """Twofold astigmatism near +x, of a wave that is as high as it is wide."""
    wave = rough_wave(128, 128)
    lens = Lens(defocus_nm=5.0, c12_nm=20.0, c12_azimuth_deg=10.0)
    ours = coherent_intensities(torch.from_numpy(wave), [lens], 300, PIXEL_nm)[0].numpy()
    assert relative(ours, their_image(wave, lens)) < 1e-6
    assert relative(ours, their_image(wave.T, lens).T) > 0.1
