"""A micrograph is its scenes behind one lens, exposed at once."""

import numpy as np
import pytest

from hrtem_shift.micrographs.exposure import expose, lens_images
from hrtem_shift.microscope.conditions import ImagingConditions
from hrtem_shift.microscope.detector import record
from hrtem_shift.microscope.imaging import image_intensity

SIDE_PX, PIXEL_NM, ENERGY_KEV = 32, 0.05, 300.0
CONDITIONS = ImagingConditions(
    defocus_nm=4, dose_e_per_A2=500, interference_contrast=0.6, absorption_length_nm=20
)


def scene(zero_defocus_nm=0.0, seed=0):
    rng = np.random.default_rng(seed)
    phase = rng.normal(scale=0.1, size=(SIDE_PX, SIDE_PX))
    arrays = {
        "wave": np.exp(1j * phase).astype(np.complex64),
        "thickness_nm": rng.uniform(0, 3, (SIDE_PX, SIDE_PX)).astype(np.float32),
        "instance": rng.integers(0, 3, (SIDE_PX, SIDE_PX), np.uint8),
    }
    attributes = {
        "energy_keV": ENERGY_KEV,
        "pixel_size_nm": PIXEL_NM,
        "zero_defocus_nm": zero_defocus_nm,
    }
    return arrays, attributes


def exposed(*scenes):
    images = [lens_images(each, [CONDITIONS], "quasi_coherent", "cpu")[0] for each in scenes]
    rngs = np.random.default_rng(1), np.random.default_rng(2)
    return expose("m", scenes, images, CONDITIONS, *rngs)


@pytest.mark.parametrize("zero_nm", [0.0, 2.5])
def test_one_scene_is_its_image_on_the_camera_with_defocus_from_its_own_zero(zero_nm):
    import torch

    given = scene(zero_nm)
    arrays = given[0]
    moved = CONDITIONS.model_copy(update={"defocus_nm": 4 + zero_nm})
    wave = torch.from_numpy(arrays["wave"])
    image = image_intensity(wave, moved, ENERGY_KEV, PIXEL_NM, arrays["thickness_nm"])
    rngs = np.random.default_rng(1), np.random.default_rng(2)
    micrograph = exposed(given)
    np.testing.assert_array_equal(micrograph.pixels, record(image, CONDITIONS, PIXEL_NM, *rngs))
    np.testing.assert_array_equal(micrograph.mask, arrays["instance"] > 0)


def test_four_scenes_lie_row_by_row_in_one_micrograph():
    scenes = [scene(seed=seed) for seed in range(4)]
    micrograph = exposed(*scenes)
    masks = [arrays["instance"] > 0 for arrays, _ in scenes]
    np.testing.assert_array_equal(micrograph.mask, np.block([masks[:2], masks[2:]]))
    assert micrograph.pixels.shape == (2 * SIDE_PX, 2 * SIDE_PX)
    assert micrograph.pixel_size_nm == PIXEL_NM
