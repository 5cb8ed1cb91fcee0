import numpy as np
import pytest
import torch
from pydantic import ValidationError

from hrtem_shift.microscope.aberrations import phase_contrast_transfer, wave_transfer
from hrtem_shift.microscope.conditions import ImagingConditions, Lens
from hrtem_shift.microscope.electrons import interaction_per_V_nm
from hrtem_shift.microscope.imaging import (
    coherent_intensities,
    image_intensities,
    image_intensity,
)
from hrtem_shift.microscope.multislice import exit_wave
from hrtem_shift.microscope.scattering import POTENTIAL_V_nm2, scattering_factor_nm
from hrtem_shift.microscope.settings import MultisliceSettings
from hrtem_shift.structures.scene_building import draw_scene
from hrtem_shift.structures.scene_distribution import SceneDistribution
from hrtem_shift.structures.scenes import projected_thickness_nm

PIXELS, FIELD_NM = 96, 2.4
PIXEL_nm = FIELD_NM / PIXELS
NO_PARTICLE = np.zeros((PIXELS, PIXELS), dtype=np.float32)


def conditions(**changes):
    return ImagingConditions(
        **{
            "defocus_nm": 10.0,
            "cs_mm": 0.005,
            "focal_spread_std_nm": 1.5,
            "dose_e_per_A2": 400.0,
            "interference_contrast": 1.0,
            **changes,
        }
    )


def coherent(wave, **changes):
    return coherent_intensities(wave, [conditions(**changes)], 300, PIXEL_nm)[0].numpy()


@pytest.fixture(scope="module")
def gold():
    distribution = SceneDistribution(
        field_nm=FIELD_NM,
        particles={"diameter_nm": 1.8},
        carbon={"thickness_nm": 0.6},
    )
    scene = draw_scene(distribution, 2)
    wave = exit_wave(scene, MultisliceSettings(pixels=PIXELS))
    return wave, projected_thickness_nm(scene, PIXELS)


@pytest.mark.parametrize("waves", [3, 7, 12])
@pytest.mark.parametrize("fraction", [0.0, 0.1])
@pytest.mark.parametrize("defocus_nm", [10.0, -6.0])
def test_a_weak_grating_is_imaged_by_the_transfer_function(waves, fraction, defocus_nm):
    """psi = 1 + (i sqrt(1 - Q²) - Q) phi gives 1 - 2 T phi: sign, factor 2, both parts, width."""
    x = np.arange(PIXELS) / PIXELS
    phi = 1e-4 * np.cos(2 * np.pi * waves * x)[None, :] * np.ones((PIXELS, 1))
    wave = torch.from_numpy(1 + (1j * np.sqrt(1 - fraction**2) - fraction) * phi)
    image = coherent(wave.to(torch.complex128), defocus_nm=defocus_nm)
    q_per_nm = np.array([waves / FIELD_NM])
    t = phase_contrast_transfer(
        q_per_nm,
        defocus_nm=defocus_nm,
        cs_mm=0.005,
        focal_spread_std_nm=1.5,
        energy_keV=300,
        amplitude_fraction=fraction,
    )
    measured = 2 * np.mean((image - 1) * phi) / np.mean(phi**2) / 2
    assert measured == pytest.approx(-2 * t[0], abs=0.004)


@pytest.mark.parametrize("element", [6, 79])
def test_atoms_are_dark_at_underfocus_and_bright_at_overfocus(atoms, element):
    scene = atoms([1.2, 0.6, 0.2], element, (FIELD_NM, FIELD_NM, 0.4))
    wave = exit_wave(scene, MultisliceSettings(pixels=PIXELS))
    y, x = 24, 48
    assert coherent(wave, defocus_nm=8.0, cs_mm=0)[y, x] < 0.97
    assert coherent(wave, defocus_nm=-8.0, cs_mm=0)[y, x] > 1.03


def test_one_carbon_atom_is_a_weak_phase_object(atoms):
    """Multislice and the linear image agree within 5 % of the contrast, up to 8 per nm."""
    scene = atoms([1.2, 1.2, 0.1], 6, (FIELD_NM, FIELD_NM, 0.2))
    wave = exit_wave(scene, MultisliceSettings(pixels=PIXELS))
    q_per_nm = np.hypot(*np.meshgrid(*[np.fft.fftfreq(PIXELS, PIXEL_nm)] * 2, indexing="ij"))
    phase = interaction_per_V_nm(300) * POTENTIAL_V_nm2 * scattering_factor_nm(6, q_per_nm)
    where = np.exp(-2j * np.pi * np.add.outer(*[np.fft.fftfreq(PIXELS, PIXEL_nm)] * 2) * 1.2)
    t = phase_contrast_transfer(
        q_per_nm, defocus_nm=10, cs_mm=0.005, focal_spread_std_nm=1.5, energy_keV=300
    )
    linear = -2 * t * phase * where / FIELD_NM**2
    found = np.fft.fft2(coherent(wave) - 1.0) / PIXELS**2
    band = (q_per_nm > 0) & (q_per_nm < 8)
    error = np.linalg.norm((found - linear)[band]) / np.linalg.norm(linear[band])
    assert error < 0.05


def test_a_gold_particle_is_not_a_weak_phase_object(gold):
    """Even 1.8 nm of gold: the image is far from linear in the wave."""
    wave, _ = gold
    linear = coherent(1 + (wave - 1) * 1e-3) - 1
    found = coherent(wave) - 1
    assert np.linalg.norm(found - linear / 1e-3) > 0.3 * np.linalg.norm(found)


def test_underfocus_looks_back_into_the_specimen(atoms):
    """Defocus undoes propagation: 5 nm of vacuum below an atom, seen at +5 nm, is in focus."""
    near = atoms([1.2, 1.2, 0.0], 79, (FIELD_NM, FIELD_NM, 0.4))
    far = atoms([1.2, 1.2, 0.0], 79, (FIELD_NM, FIELD_NM, 5.4))
    lens = {"cs_mm": 0.0, "focal_spread_std_nm": 0.0}
    settings = MultisliceSettings(pixels=PIXELS, slice_thickness_nm=0.2)
    focused = coherent(exit_wave(near, settings), defocus_nm=0.0, **lens)
    refocused = coherent(exit_wave(far, settings), defocus_nm=5.0, **lens)
    np.testing.assert_allclose(refocused, focused, atol=2e-4)


def test_vacuum_is_one(gold):
    image = image_intensity(
        torch.ones(PIXELS, PIXELS) + 0j, conditions(), 300, PIXEL_nm, NO_PARTICLE
    )
    assert image.dtype == np.float32
    assert image == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("contrast", [0.0, 0.25, 0.5])
def test_interference_is_scaled_about_the_mean(gold, contrast):
    """Stobbs: the contrast is multiplied, the mean and the positions of fringes stay."""
    wave, _ = gold
    full = image_intensity(wave, conditions(), 300, PIXEL_nm, NO_PARTICLE)
    scaled = image_intensity(
        wave, conditions(interference_contrast=contrast), 300, PIXEL_nm, NO_PARTICLE
    )
    assert full.std() > 0.1
    assert scaled.mean() == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(scaled - 1, contrast * (full - 1), atol=2e-6)


def test_absorption_is_exponential_in_the_particle_and_absent_outside(gold):
    wave, thickness_nm = gold
    clear = image_intensity(wave, conditions(absorption_length_nm=1e9), 300, PIXEL_nm, thickness_nm)
    grey = image_intensity(wave, conditions(absorption_length_nm=150), 300, PIXEL_nm, thickness_nm)
    np.testing.assert_allclose(grey, clear * np.exp(-thickness_nm / 150), rtol=1e-5)
    assert np.array_equal(grey[thickness_nm == 0], clear[thickness_nm == 0])
    assert grey.min() >= 0


def test_pixel_sizes_scale_with_defocus(gold):
    """nm stay nm: the same wave on pixels twice as large at four times the defocus, Cs x 16."""
    wave, _ = gold
    one = coherent(wave)
    wide = conditions(defocus_nm=40, cs_mm=0.08, focal_spread_std_nm=6)
    two = coherent_intensities(wave, [wide], 300, 2 * PIXEL_nm)[0].numpy()
    np.testing.assert_allclose(two, one, atol=1e-5)


def reference(wave, lens):
    """Image in double precision, through the whole plane of frequencies."""
    q_per_nm = np.fft.fftfreq(PIXELS, PIXEL_nm)
    inside = np.hypot(q_per_nm[:, None], q_per_nm) <= 2 / 3 / 2 / PIXEL_nm
    transfer = inside * wave_transfer(q_per_nm[:, None], q_per_nm, lens, 300)
    return np.abs(np.fft.ifft2(np.fft.fft2(wave.numpy().astype(complex)) * transfer)) ** 2


@pytest.mark.parametrize("c21_nm", [0.0, 200.0])
def test_phases_of_thousands_of_radians_keep_single_precision(gold, c21_nm):
    """A lens that is even in q, and one that is not: within 1e-6 of double precision."""
    wave, _ = gold
    far = {"cs_mm": 1.2, "c12_nm": 30.0, "c12_azimuth_deg": 20.0, "c21_nm": c21_nm}
    lenses = [Lens(defocus_nm=defocus_nm, **far) for defocus_nm in (-1000.0, 60.0, 1000.0)]
    images = coherent_intensities(wave, lenses, 300, PIXEL_nm).numpy()
    for image, lens in zip(images, lenses, strict=True):
        expected = reference(wave, lens)
        assert np.linalg.norm(image - expected) < 1e-6 * np.linalg.norm(expected)


def test_frequencies_beyond_the_band_limit_are_not_passed():
    """A wave that fills all of its pixels, as one that was computed on finer ones."""
    rng = np.random.default_rng(0)
    wave = torch.from_numpy(1 + 0.1 * rng.normal(size=(PIXELS, PIXELS)) + 0j)
    lens = Lens(defocus_nm=3.0, c21_nm=50.0)
    found = coherent_intensities(wave, [lens], 300, PIXEL_nm)[0].numpy()
    np.testing.assert_allclose(found, reference(wave, lens), atol=1e-6)


def test_an_image_is_the_same_alone_or_among_many(gold):
    """Lenses that are even in q and those that are not, with and without envelopes."""
    wave, thickness_nm = gold
    changes = [
        {"defocus_nm": -7.5},
        {"c21_nm": 150.0, "c21_azimuth_deg": 30.0},
        {"focal_spread_std_nm": 0.0},
        {"illumination_angle_std_mrad": 0.3},
        {"interference_contrast": 0.3, "absorption_length_nm": 50.0},
        {"drift_x_nm": 0.1, "image_spread_std_nm": 0.02},
    ]
    many = [conditions(**change) for change in changes]
    together = image_intensities(wave, many, 300, PIXEL_nm, thickness_nm)
    assert together.dtype == torch.float32 and together.shape == (6, PIXELS, PIXELS)
    alone = [image_intensity(wave, one, 300, PIXEL_nm, thickness_nm) for one in many]
    np.testing.assert_array_equal(together.numpy(), alone)


def test_intensities_of_moving_atoms_are_averaged_before_the_contrast(gold):
    wave, thickness_nm = gold
    waves = torch.stack([wave, wave.roll(3, 0), wave.roll(5, 1)])
    one = conditions(interference_contrast=0.4, absorption_length_nm=100.0)
    found = image_intensities(waves, [one], 300, PIXEL_nm, thickness_nm)[0].numpy()
    each = [coherent(single) for single in waves]
    mean = np.mean(each, axis=0)
    expected = (1 + 0.4 * (mean - mean.mean())) * np.exp(-thickness_nm / 100)
    np.testing.assert_allclose(found, expected, rtol=2e-6)
    assert np.abs(each[0] - mean).max() > 0.1


def test_no_absorption_is_an_infinite_length(gold):
    wave, thickness_nm = gold
    none = image_intensity(wave, conditions(absorption_length_nm=None), 300, PIXEL_nm, thickness_nm)
    far = image_intensity(wave, conditions(absorption_length_nm=1e12), 300, PIXEL_nm, thickness_nm)
    np.testing.assert_array_equal(none, far)


@pytest.mark.parametrize(
    ("blur", "left"),
    [
        ({}, 1.0),
        ({"image_spread_std_nm": 0.03}, np.exp(-2 * (np.pi * 0.03) ** 2 * (2.5**2 + 1.25**2))),
        ({"drift_x_nm": 0.2}, np.sinc(2.5 * 0.2)),
        ({"drift_y_nm": 0.2}, np.sinc(1.25 * 0.2)),
        ({"drift_x_nm": 0.2, "drift_y_nm": -0.4}, 1.0),
        ({"drift_x_nm": 0.2, "drift_y_nm": 0.4}, np.sinc(2.5 * 0.2 + 1.25 * 0.4)),
    ],
    ids=str,
)
def test_motion_damps_fringes_that_it_crosses(blur, left):
    """2.5 waves per nm along x and 1.25 along y: a Gaussian damps all, drift what it crosses."""
    y, x = np.mgrid[:PIXELS, :PIXELS] / PIXELS
    fringes = np.cos(2 * np.pi * (6 * x + 3 * y))
    wave = torch.from_numpy(np.exp(0.01j * fringes)).to(torch.complex64)
    still, moved = (
        image_intensity(wave, conditions(defocus_nm=30.0, **motion), 300, PIXEL_nm, NO_PARTICLE)
        for motion in ({}, blur)
    )
    assert np.mean((moved - 1) * fringes) / np.mean((still - 1) * fringes) == pytest.approx(
        left, abs=1e-4
    )
    assert moved.mean() == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ({"dose_e_per_A2": 0}, "greater than 0"),
        ({"interference_contrast": 1.5}, "less than or equal to 1"),
        ({"focal_spread_std_nm": -1}, "greater than or equal to 0"),
        ({"defocus": 5}, "did you mean 'defocus_nm'"),
        ({"c21_nm": float("nan")}, "finite number"),
        ({"c34_azimuth_deg": float("inf")}, "finite number"),
    ],
)
def test_conditions_out_of_range_are_refused(block, message):
    with pytest.raises(ValidationError, match=message):
        conditions(**block)
