import numpy as np
import pytest
import torch

from hrtem_shift.errors import InputError
from hrtem_shift.microscope.aberrations import aberration_polynomial
from hrtem_shift.microscope.conditions import ImagingConditions, Lens
from hrtem_shift.microscope.imaging import coherent_intensities, image_intensities
from hrtem_shift.microscope.multislice import exit_wave
from hrtem_shift.microscope.partial_coherence import coherent_lenses, shifted
from hrtem_shift.microscope.settings import MultisliceSettings
from hrtem_shift.structures.scene_building import draw_scene
from hrtem_shift.structures.scene_distribution import SceneDistribution

PIXELS, FIELD_NM = 96, 2.4
PIXEL_nm = FIELD_NM / PIXELS
GOLD_PIXELS, GOLD_PIXEL_nm = 256, 0.025
FOCUS = {"focal_spread_std_nm": 3.0}
TILT = {"illumination_angle_std_mrad": 0.3}
WIDE_TILT = {"illumination_angle_std_mrad": 2.0}


def both_ways(wave, lens, pixel_nm=PIXEL_nm):
    return (
        coherent_intensities(wave, [lens], 300, pixel_nm, coherence)[0].numpy().astype(float)
        for coherence in ("quasi_coherent", "explicit")
    )


def test_a_shifted_polynomial_is_the_polynomial_elsewhere():
    c = aberration_polynomial(
        Lens(defocus_nm=20, cs_mm=1.2, c21_nm=100, c56_mm=3, c23_nm=50, c23_azimuth_deg=20), 300
    )
    value = np.polynomial.polynomial.polyval2d
    y, x = np.random.default_rng(0).uniform(-10, 10, (2, 30))
    np.testing.assert_allclose(
        value(y, x, shifted(c, 0.7, -0.4)), value(y + 0.7, x - 0.4, c), rtol=1e-9, atol=1e-9
    )


@pytest.mark.parametrize(
    ("widths", "apart"), [(FOCUS, 5e-4), (TILT, 3e-3), (FOCUS | TILT, 1.5e-2)], ids=str
)
def test_a_weak_object_looks_the_same_by_envelopes_and_by_averages(widths, apart):
    """Random weak phase. Of the contrast: focus is exact (found 2e-4, the second order of the
    object), tilt good to the curvature of chi (2e-3), and both together share a term in focus
    times tilt (1e-2) that envelopes do not have.
    """
    rng = np.random.default_rng(0)
    q = np.hypot(*np.meshgrid(*[np.fft.fftfreq(PIXELS, PIXEL_nm)] * 2, indexing="ij"))
    phase = np.fft.ifft2(np.fft.fft2(rng.normal(size=q.shape)) * (q < 9)).real
    wave = torch.from_numpy(np.exp(1e-3j * phase))
    lens = Lens(defocus_nm=30.0, cs_mm=0.02, c12_nm=3.0)
    sharp, _ = both_ways(wave, lens)
    enveloped, averaged = both_ways(wave, lens.model_copy(update=widths))
    assert np.linalg.norm(enveloped - averaged) < apart * np.linalg.norm(averaged - 1)
    assert np.linalg.norm(enveloped - sharp) > 10 * np.linalg.norm(enveloped - averaged)


@pytest.fixture(scope="module")
def gold():
    """5 nm of gold on a thin film, without symmetry."""
    scene = draw_scene(
        SceneDistribution(
            field_nm=GOLD_PIXELS * GOLD_PIXEL_nm,
            particles={"diameter_nm": 5.0},
            carbon={"thickness_nm": 0.5},
        ),
        1,
    )
    return exit_wave(scene, MultisliceSettings(pixels=GOLD_PIXELS))


def test_the_average_over_focus_has_converged(gold):
    """13 nodes against 81 evenly spaced foci."""
    lens = Lens(defocus_nm=10.0, cs_mm=0.005, **FOCUS)
    at_sd = np.linspace(-6, 6, 81)
    series = [Lens(defocus_nm=10.0 + 3.0 * sd, cs_mm=0.005) for sd in at_sd]
    images = coherent_intensities(gold, series, 300, GOLD_PIXEL_nm).numpy()
    expected = np.average(images, axis=0, weights=np.exp(-0.5 * at_sd**2))
    _, averaged = both_ways(gold, lens, GOLD_PIXEL_nm)
    np.testing.assert_allclose(averaged, expected, atol=2e-4)


@pytest.mark.parametrize(
    ("widths", "lost", "apart"), [(FOCUS, 0.0194, 0.174), (WIDE_TILT, 0.0152, 0.095)], ids=str
)
def test_envelopes_lose_electrons_of_gold_and_averages_keep_them(gold, widths, lost, apart):
    """Part of all electrons, and of the contrast, by which envelopes are wrong for 5 nm of gold."""
    electrons = float(gold.abs().square().mean())
    lens = Lens(defocus_nm=10.0, cs_mm=0.005, **widths)
    enveloped, averaged = both_ways(gold, lens, GOLD_PIXEL_nm)
    assert averaged.mean() == pytest.approx(electrons, abs=1e-5)
    assert electrons - enveloped.mean() == pytest.approx(lost, abs=5e-4)
    difference = (enveloped - averaged).std() / averaged.std()
    assert difference == pytest.approx(apart, abs=5e-3)


def test_no_spread_is_one_coherent_image(gold):
    lens = Lens(defocus_nm=10.0, cs_mm=0.005)
    polynomials, weights = coherent_lenses(lens, 300, 13.3)
    np.testing.assert_array_equal(polynomials[0], aberration_polynomial(lens, 300))
    assert weights.tolist() == [1.0]


def test_contrast_follows_the_average(gold):
    one = ImagingConditions(
        defocus_nm=10.0, focal_spread_std_nm=3.0, interference_contrast=0.5, dose_e_per_A2=1.0
    )
    vacuum = np.zeros((GOLD_PIXELS, GOLD_PIXELS))
    image = image_intensities(gold, [one], 300, GOLD_PIXEL_nm, vacuum, "explicit")[0].numpy()
    _, averaged = both_ways(gold, one, GOLD_PIXEL_nm)
    np.testing.assert_allclose(image, 1 + 0.5 * (averaged - averaged.mean()), atol=1e-6)


def test_an_average_that_would_not_end_is_refused(gold):
    wide = Lens(defocus_nm=60.0, cs_mm=1.2, illumination_angle_std_mrad=2.0)
    with pytest.raises(InputError, match="10,000 images"):
        coherent_intensities(gold, [wide], 300, GOLD_PIXEL_nm, "explicit")
