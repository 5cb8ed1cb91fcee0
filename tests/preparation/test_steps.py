"""Promise: x-rays, flat field and rescaling come in this order, and leave their input alone."""

from __future__ import annotations

import numpy as np
import pytest

from hrtem_shift.preparation.flat_field import fit_background, flatten
from hrtem_shift.preparation.patches import Preparation
from hrtem_shift.preparation.resampling import resampled
from hrtem_shift.preparation.rescaling import normalize
from hrtem_shift.preparation.steps import prepare
from hrtem_shift.preparation.xrays import remove_xrays


@pytest.mark.parametrize("method", ["exact", "fast"])
def test_xrays_then_flat_field_then_rescaling(method):
    pixels = np.random.default_rng(0).poisson(300, (90, 100)).astype(np.float32)
    pixels[20, 30] = 9000
    preparation = Preparation(
        xray_threshold_counts=1500,
        flat_field=method,
        flat_field_scale=0.5,
        rescaling="normalize",
    )
    cleaned, count = remove_xrays(pixels, 1500)
    assert count == 1
    expected = normalize(flatten(cleaned, 0.5, method)[0])
    before = pixels.copy()
    prepared = prepare(pixels, preparation)
    np.testing.assert_array_equal(prepared.pixels, expected)
    np.testing.assert_array_equal(pixels, before)
    light = fit_background(cleaned, 0.5, method)
    assert prepared.xrays_px == 1
    assert prepared.background_range_counts == (light.min(), light.max())


def test_an_x_ray_is_gone_before_resampling_could_spread_it():
    pixels = np.random.default_rng(0).poisson(300, (90, 100)).astype(np.float32)
    struck = pixels.copy()
    struck[20, 30] = 9000
    preparation = Preparation(xray_threshold_counts=1500, flat_field="fast", rescaling=None)
    found = prepare(struck, preparation, 0.5).pixels
    assert found.shape == (45, 50)
    expected = flatten(resampled(remove_xrays(struck, 1500)[0], 0.5), 0.25, "fast")[0]
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    "steps", [{}, {"flat_field": "fast"}, {"xray_threshold_counts": 1500}], ids=str
)
@pytest.mark.parametrize("rescaling", ["standardize", "normalize", "histogram", None])
def test_micrographs_are_left_as_they_are(steps, rescaling):
    pixels = np.random.default_rng(0).poisson(300, (90, 100)).astype(np.float32)
    before = pixels.copy()
    result = prepare(pixels, Preparation(rescaling=rescaling, **steps)).pixels
    np.testing.assert_array_equal(pixels, before)
    assert not np.shares_memory(result, pixels)
    assert result.dtype == np.float32


def test_what_is_not_asked_for_is_not_found():
    prepared = prepare(np.arange(64.0).reshape(8, 8), Preparation(rescaling=None))
    assert (prepared.xrays_px, prepared.background_range_counts) == (None, None)
    np.testing.assert_array_equal(prepared.pixels, np.arange(64).reshape(8, 8))
