import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2

from hrtem_shift.microscope.detector import record
from hrtem_shift.microscope.imaging import ImagingConditions

FLAT = np.ones((256, 256), dtype=np.float32)


def camera(dose_e_per_A2, mtf_std_px=0.0):
    return ImagingConditions(
        defocus_nm=0,
        cs_mm=0,
        focal_spread_std_nm=0,
        dose_e_per_A2=dose_e_per_A2,
        mtf_std_px=mtf_std_px,
    )


def expose(dose, pixel_size_nm=0.02, seed=0, intensity=FLAT, **changes):
    rng = np.random.default_rng(seed)
    return record(intensity, camera(dose, **changes), pixel_size_nm, rng)


@settings(max_examples=20, deadline=None)
@given(
    dose=st.floats(50, 2000), pixel_size_nm=st.floats(0.01, 0.05), seed=st.integers(0, 2**32 - 1)
)
def test_mean_and_variance_are_dose_times_pixel_area(dose, pixel_size_nm, seed):
    """Poisson: both are D a² with a in Angstrom (0.02 nm and 100 e/A² make 4 electrons)."""
    counts = expose(dose, pixel_size_nm, seed).astype(np.float64)
    expected = dose * (10 * pixel_size_nm) ** 2
    assert counts.mean() == pytest.approx(expected, abs=6 * np.sqrt(expected / counts.size))
    degrees = counts.size - 1
    low, high = chi2.ppf([1e-9, 1 - 1e-9], degrees) / degrees
    slack = 1 + 6 * np.sqrt(1 / expected / counts.size)  # a Poisson variance spreads a bit more
    assert low / slack < counts.var(ddof=1) / expected < high * slack
    assert (counts == counts.round()).all() and counts.min() >= 0


def test_four_times_the_dose_halves_the_relative_noise():
    noise = [expose(dose).std() / expose(dose).mean() for dose in (100, 400)]
    assert noise[0] / noise[1] == pytest.approx(2, rel=0.02)


def test_the_image_shows_in_the_counts():
    ramp = np.linspace(0.5, 1.5, 256)[None, :] * np.ones((256, 1))
    counts = expose(500, intensity=ramp)
    assert counts.mean(axis=0) / 20 == pytest.approx(ramp[0], abs=0.1)


def test_the_point_spread_has_the_standard_deviation_it_says():
    """A spot of many electrons: its second moment is 0.75² (neither FWHM nor 1/e width)."""
    spot = np.zeros((33, 33), dtype=np.float32)
    spot[16, 16] = 1
    image = expose(1e7, intensity=spot, mtf_std_px=0.75).astype(np.float64)
    y, x = np.mgrid[-16:17, -16:17]
    for axis in (y, x):
        assert (image * axis**2).sum() / image.sum() == pytest.approx(0.75**2, rel=0.02)


def test_the_point_spread_keeps_electrons_and_wraps_at_the_borders():
    sharp, soft = (expose(80, mtf_std_px=std) for std in (0.0, 0.75))
    assert soft.sum(dtype=np.float64) == pytest.approx(sharp.sum(dtype=np.float64), rel=1e-5)
    corner = np.zeros((32, 32))
    corner[0, 0] = 1
    image = expose(1e6, intensity=corner, mtf_std_px=0.75)
    assert image[-1, 0] == pytest.approx(image[1, 0]) and image[0, -1] == pytest.approx(image[0, 1])


def test_noise_is_correlated_by_the_camera():
    """The spread acts after the noise: power falls as MTF² = exp(-4 pi² SD² f²)."""
    counts = expose(400, mtf_std_px=0.75).astype(np.float64)
    power = np.abs(np.fft.fft2(counts - counts.mean())) ** 2 / counts.size / counts.mean()
    f = np.hypot(*np.meshgrid(*[np.fft.fftfreq(256)] * 2, indexing="ij"))
    for low, high in ((0.05, 0.1), (0.15, 0.2), (0.25, 0.3)):
        ring = (f > low) & (f < high)
        mtf2 = np.exp(-4 * np.pi**2 * 0.75**2 * f[ring] ** 2)
        assert power[ring].mean() == pytest.approx(mtf2.mean(), rel=0.1)


def test_an_exposure_depends_on_its_seed_alone():
    assert np.array_equal(expose(80, seed=1), expose(80, seed=1))
    assert not np.array_equal(expose(80, seed=1), expose(80, seed=2))
