import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2

from hrtem_shift.microscope.conditions import ImagingConditions
from hrtem_shift.microscope.detector import dqe, illumination_map, mtf, record
from hrtem_shift.microscope.poisson import poisson_counts

FLAT = np.ones((256, 256), dtype=np.float32)


def camera(dose_e_per_A2=100.0, **changes):
    return ImagingConditions(dose_e_per_A2=dose_e_per_A2, **changes)


def expose(dose, pixel_size_nm=0.02, seed=0, intensity=FLAT, pattern_rng=None, **changes):
    rng = np.random.default_rng(seed)
    return record(intensity, camera(dose, **changes), pixel_size_nm, rng, pattern_rng)


def noise_power(dose, images=20, **changes):
    """Periodogram of flat fields, electrons²: its mean over all frequencies is the variance."""
    fields = [expose(dose, seed=seed, **changes).astype(np.float64) for seed in range(images)]
    return np.mean([np.abs(np.fft.fft2(f - f.mean())) ** 2 / f.size for f in fields], axis=0)


def ring(low, high):
    """Frequencies of a 256² field between two radii, cycles/px."""
    q = np.hypot(*np.meshgrid(*[np.fft.fftfreq(256)] * 2, indexing="ij"))
    chosen = (q > low) & (q < high)
    return chosen, q[chosen]


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


def test_the_beam_falls_off_as_it_says_and_keeps_the_dose():
    corner = 0.5 / 101 - 0.5  # from the field's centre to a corner pixel's, in widths
    flat = illumination_map((101, 101), camera(illumination_drop=0.3))
    assert flat.mean() == pytest.approx(1, rel=1e-12)
    assert np.unravel_index(flat.argmax(), flat.shape) == (50, 50)
    assert flat[0, 0] / flat[50, 50] == pytest.approx(0.7 ** (corner**2 / 0.5**2), rel=1e-12)
    assert flat == pytest.approx(flat[::-1, ::-1])
    wide = illumination_map((60, 80), camera(illumination_drop=0.3, illumination_centre_x=0.75))
    assert wide.mean() == pytest.approx(1, rel=1e-12)
    # 25 px are half of half the diagonal of 100 px: round, whatever the field's shape.
    assert wide[30, 35] / wide[30, 60] == pytest.approx(0.7 ** ((24.5**2 - 0.5**2) / 50**2))
    assert wide[5, 60] / wide[30, 60] == pytest.approx(0.7 ** ((24.5**2 - 0.5**2) / 50**2))
    low = illumination_map((60, 80), camera(illumination_drop=0.3, illumination_centre_y=0.25))
    assert np.unravel_index(low.argmax(), low.shape)[0] in (14, 15)


def test_the_beam_shows_in_the_counts():
    counts = expose(2500, illumination_drop=0.4, illumination_centre_x=0.2)
    flat = illumination_map(FLAT.shape, camera(illumination_drop=0.4, illumination_centre_x=0.2))
    assert counts.mean(axis=0) / 100 == pytest.approx(flat.mean(axis=0), abs=0.04)


def test_the_point_spread_has_the_standard_deviation_it_says():
    """A point of many electrons: its second moment is 2² (neither FWHM nor 1/e width)."""
    point = np.zeros((33, 33), dtype=np.float32)
    point[16, 16] = 1
    y, x = np.mgrid[-16:17, -16:17]
    for widths in ({"spot_std_px": 2}, {"scatter_std_px": 2}):
        image = expose(1e7, intensity=point, **widths).astype(np.float64)
        for axis in (y, x):
            assert (image * axis**2).sum() / image.sum() == pytest.approx(2**2, rel=0.02)


def test_the_point_spread_keeps_electrons_and_wraps_at_the_borders():
    sharp, soft = (expose(80, spot_std_px=std) for std in (0.0, 0.75))
    assert soft.sum(dtype=np.float64) == pytest.approx(sharp.sum(dtype=np.float64), rel=1e-5)
    corner = np.zeros((32, 32))
    corner[0, 0] = 1
    image = expose(1e6, intensity=corner, spot_std_px=0.75)
    assert image[-1, 0] == pytest.approx(image[1, 0]) and image[0, -1] == pytest.approx(image[0, 1])


def test_an_edge_shows_the_transfer_of_scatter_and_spot():
    """Known answer: exp(-2 pi² 0.5² (0.5² + 0.6²)) = 0.0493 at Nyquist."""
    widths = {"scatter_std_px": 0.5, "spot_std_px": 0.6}
    edge = np.full((4096, 64), 0.5)
    edge[:, :32] = 1.5
    line = expose(1e6, intensity=edge, **widths).mean(axis=0, dtype=np.float64) / 4e4
    odd = np.arange(1, 32, 2)  # an edge in the middle has no even harmonics
    measured = np.abs(np.fft.fft(line)[odd] / np.fft.fft(edge[0])[odd])
    assert measured == pytest.approx(mtf(odd / 64, camera(**widths)), abs=2e-3)
    assert mtf(0.5, camera(**widths)) == pytest.approx(0.0493, abs=5e-5)
    assert mtf(0, camera(**widths)) == 1


def test_noise_is_correlated_by_the_spot_and_not_by_scattering():
    """The spot acts after the noise: power falls as exp(-4 pi² SD² q²). Scattering before it."""
    power = noise_power(400, spot_std_px=0.75)
    scattered = noise_power(400, scatter_std_px=0.75)
    for low, high in ((0.05, 0.1), (0.15, 0.2), (0.25, 0.3), (0.45, 0.5)):
        chosen, q = ring(low, high)
        spot = np.exp(-4 * np.pi**2 * 0.75**2 * q**2)
        assert power[chosen].mean() / 16 == pytest.approx(spot.mean(), rel=0.03)
        assert scattered[chosen].mean() / 16 == pytest.approx(1, rel=0.03)


@pytest.mark.parametrize(
    "values",
    [
        {"dqe_zero": 0.6},
        {"dqe_zero": 0.6, "spot_std_px": 0.6, "scatter_std_px": 0.4},
        {"spot_std_px": 0.6, "read_noise_e": 3.0},
        {"spot_std_px": 0.6, "gain_error_std": 0.1},
    ],
)
def test_the_efficiency_is_what_flat_fields_and_the_transfer_leave(values):
    power = noise_power(400, **values)
    for low, high in ((0.02, 0.1), (0.2, 0.25), (0.45, 0.5)):
        chosen, q = ring(low, high)
        measured = 16 * mtf(q, camera(**values)) ** 2 / power[chosen].mean()
        expected = dqe(q, camera(**values), electrons_per_px=16)
        assert measured.mean() == pytest.approx(expected.mean(), rel=0.04)


def test_the_efficiency_of_the_sum_of_all_electrons():
    """No width matters at q = 0; by default a camera loses nothing."""
    assert dqe([0, 0.3, 0.5], camera(), 16) == pytest.approx(1)
    assert dqe(0, camera(dqe_zero=0.6, spot_std_px=1, scatter_std_px=1), 16) == pytest.approx(0.6)
    assert dqe(0, camera(read_noise_e=4), 16) == pytest.approx(0.5)
    assert dqe(0, camera(gain_error_std=0.25), 16) == pytest.approx(0.5)
    assert dqe(0.5, camera(spot_std_px=1), 16) == pytest.approx(1)
    assert dqe(0.5, camera(scatter_std_px=1), 16) == pytest.approx(np.exp(-(np.pi**2)))


@pytest.mark.parametrize("dose", [10, 100, 2500])
def test_spots_of_random_strength_add_noise_and_never_fall_below_zero(dose):
    n = dose * 0.04
    counts = expose(dose, dqe_zero=0.4, intensity=np.ones((512, 512))).astype(np.float64)
    assert counts.mean() == pytest.approx(n, abs=6 * np.sqrt(n / 0.4 / counts.size))
    assert counts.var() == pytest.approx(n / 0.4, rel=0.06)
    assert counts.min() >= 0


def test_a_black_area_beside_a_bright_one_gets_no_negative_number_of_electrons():
    half = np.ones((64, 64))
    half[:, 32:] = 0
    counts = expose(1000, intensity=half, scatter_std_px=0.4)
    assert counts.min() == 0 and counts[:, 40].max() < 10


def test_gains_belong_to_the_session_and_noise_to_the_exposure():
    exposures = [
        expose(1e5, seed=seed, pattern_rng=np.random.default_rng(7), gain_error_std=0.05) / 4000
        for seed in range(30)
    ]
    pattern = np.mean(exposures, axis=0)
    assert pattern.std() == pytest.approx(0.05, rel=0.02)
    assert np.corrcoef(pattern.ravel(), exposures[0].ravel())[0, 1] > 0.9
    left = np.corrcoef((exposures[0] - pattern).ravel(), (exposures[1] - pattern).ravel())[0, 1]
    assert abs(left) < 0.06  # -1/29: both were averaged
    other = expose(1e5, pattern_rng=np.random.default_rng(8), gain_error_std=0.05) / 4000
    assert abs(np.corrcoef(pattern.ravel(), other.ravel())[0, 1]) < 0.03


def test_counts_are_electrons_by_gain_and_dark_level():
    values = {"dqe_zero": 0.7, "spot_std_px": 0.6, "read_noise_e": 0.5}
    electrons = expose(80, **values)
    counts = expose(80, counts_per_electron=12.5, dark_counts=-3, **values)
    assert counts == pytest.approx(12.5 * electrons - 3, rel=1e-5, abs=1e-4)


def test_xrays_are_as_many_and_as_bright_as_they_say():
    strikes = [
        expose(80, seed=seed, xrays_per_image=5, xray_counts=4000) - expose(80, seed=seed)
        for seed in range(200)
    ]
    bright = np.concatenate([image[image > 0] for image in strikes])
    assert min(image.min() for image in strikes) == 0
    assert bright.size == pytest.approx(1000, abs=6 * np.sqrt(1000))
    assert bright.mean() == pytest.approx(4000, rel=6 / np.sqrt(1000))
    assert bright.std() == pytest.approx(4000, rel=0.3)
    places = np.concatenate([np.flatnonzero(image) for image in strikes])
    assert places.mean() / FLAT.size == pytest.approx(0.5, abs=0.06)
    assert np.unique(places).size > 950


def test_a_camera_at_its_default_values_only_counts():
    counts = poisson_counts(4 * FLAT, np.random.default_rng(3))
    assert np.array_equal(expose(100, seed=3), counts)
    assert expose(100).dtype == np.float32


EVERYTHING = {
    "illumination_drop": 0.2,
    "scatter_std_px": 0.5,
    "spot_std_px": 0.5,
    "dqe_zero": 0.8,
    "read_noise_e": 1.0,
    "gain_error_std": 0.02,
    "counts_per_electron": 8.0,
    "dark_counts": 2.0,
    "xrays_per_image": 3.0,
    "xray_counts": 2000.0,
}


def test_an_exposure_depends_on_its_seed_alone():
    before = FLAT.copy()
    assert np.array_equal(expose(80, seed=1, **EVERYTHING), expose(80, seed=1, **EVERYTHING))
    assert not np.array_equal(expose(80, seed=1, **EVERYTHING), expose(80, seed=2, **EVERYTHING))
    assert np.array_equal(FLAT, before)
    assert expose(80, **EVERYTHING).dtype == np.float32
