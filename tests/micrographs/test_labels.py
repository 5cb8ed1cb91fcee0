import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from hrtem_shift.micrographs.labels import outline_mask
from hrtem_shift.microscope.imaging import ImagingConditions, image_intensity
from hrtem_shift.microscope.multislice import MultisliceSettings, exit_wave
from hrtem_shift.structures.scenes import (
    Scene,
    SceneDistribution,
    Sphere,
    draw_scene,
    projected_thickness_nm,
)

SMALL = SceneDistribution(
    field_nm=3.2, particle_diameter_nm_mean=2.0, particle_diameter_nm_std=0.1, carbon_thickness_nm=1
)


def test_the_outline_is_the_disc_of_the_sphere():
    """Ideal disc: IoU 1 with every pixel nearer to the centre than the radius."""
    empty = np.empty(0, int)
    sphere = Sphere((2.1, 1.3, 1.0), 1.6)
    scene = Scene((4.0, 4.0, 2.0), np.empty((0, 3)), empty, empty, (sphere,))
    mask = outline_mask(projected_thickness_nm(scene, 128))
    y, x = np.mgrid[:128, :128] * (4.0 / 128)
    assert mask.dtype == bool
    assert np.array_equal(mask, np.hypot(x - 2.1, y - 1.3) < 0.8)


def test_a_mask_does_not_know_how_its_particle_was_imaged():
    """Bit-equal masks while defocus, dose and energy change the image."""
    scene = draw_scene(SMALL, np.random.default_rng(0))
    masks, images = [], []
    for defocus_nm, energy_keV in ((5.0, 300), (-20.0, 80)):
        thickness_nm = projected_thickness_nm(scene, 64)
        wave = exit_wave(scene, MultisliceSettings(pixels=64, energy_keV=energy_keV))
        conditions = ImagingConditions(
            defocus_nm=defocus_nm, cs_mm=0, focal_spread_std_nm=1, dose_e_per_A2=100
        )
        images.append(image_intensity(wave, conditions, energy_keV, 0.05, thickness_nm))
        masks.append(outline_mask(thickness_nm))
    assert np.array_equal(*masks)
    assert not np.allclose(*images, atol=0.05)


def test_mask_and_wave_stand_on_the_same_pixels():
    """Where the blurred wave differs from vacuum is the particle; its centre is the mask's."""
    scene = draw_scene(SMALL, np.random.default_rng(3))
    gold = scene.object_id == 1
    alone = Scene(
        scene.size_nm,
        scene.positions_nm[gold],
        scene.atomic_numbers[gold],
        scene.object_id[gold],
        scene.particles,
    )
    wave = exit_wave(alone, MultisliceSettings(pixels=128)).numpy()
    scattered = gaussian_filter(np.abs(wave - 1), 4, mode="wrap") > 0.1
    mask = outline_mask(projected_thickness_nm(scene, 128))
    assert (scattered & mask).sum() / (scattered | mask).sum() > 0.88
    for axis in np.mgrid[:128, :128]:
        assert axis[scattered].mean() == pytest.approx(axis[mask].mean(), abs=1.5)
