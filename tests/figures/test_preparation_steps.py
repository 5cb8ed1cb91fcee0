"""What preparation does: x-rays circled where they are, the light that was fitted, histograms."""

import numpy as np
import pytest

from hrtem_shift.errors import InputError
from hrtem_shift.figures.preparation_steps import preparation_figure
from hrtem_shift.preparation.patches import Preparation

ALL_STEPS = Preparation(xray_threshold_counts=1500, flat_field="exact", rescaling="standardize")


def micrograph(shape=(120, 160)):
    light = 1 + 0.2 * np.linspace(-1, 1, shape[1])[None, :] * np.ones((shape[0], 1))
    counts = np.random.default_rng(0).poisson(900 * light).astype(np.float32)
    counts[[20, 40], [30, 150]] = 9000
    return counts


def panels(pixels, preparation):
    figure = preparation_figure("m7", pixels, preparation)
    figure.draw_without_rendering()
    assert figure.get_suptitle() == "Preparation of m7"
    return {ax.get_label(): ax for ax in figure.axes}


def test_xrays_are_counted_and_circled_where_they_are():
    ax = panels(micrograph(), ALL_STEPS)["recorded"]
    assert ax.get_title() == "recorded, 2 x-ray pixels"
    np.testing.assert_array_equal(ax.collections[0].get_offsets(), [[30, 20], [150, 40]])


def test_circles_follow_when_the_image_is_drawn_smaller():
    pixels = np.random.default_rng(0).poisson(900, (1100, 1024)).astype(np.float32)
    pixels[600, 200] = 9000
    ax = panels(pixels, Preparation(xray_threshold_counts=1500))["recorded"]
    assert ax.get_title() == "recorded, 1 x-ray pixel"
    assert ax.images[0].get_array().shape == (550, 512)
    np.testing.assert_array_equal(ax.collections[0].get_offsets(), [[100, 300]])


@pytest.mark.parametrize("method", ["exact", "fast"])
def test_the_light_is_shown_in_parts_of_its_mean(method):
    preparation = ALL_STEPS.model_copy(update={"flat_field": method})
    ax = panels(micrograph(), preparation)["light"]
    light = ax.images[0].get_array()
    assert ax.get_title() == f"illumination ({method}) / mean"
    np.testing.assert_allclose(light.mean(axis=0), np.linspace(0.8, 1.2, 160), atol=0.02)


def test_histograms_count_every_pixel_before_and_after():
    axes = panels(micrograph(), ALL_STEPS)
    for name in ("before", "after"):
        assert sum(bar.get_height() for bar in axes[name].patches) == 120 * 160
    assert axes["before"].lines[0].get_xdata()[0] == np.median(micrograph()) + 1500
    assert axes["before"].get_xlim()[1] > 8000 and axes["after"].get_xlim()[1] < 7


def test_steps_that_are_left_out_are_said_to_be():
    axes = panels(micrograph(), Preparation(rescaling="normalize"))
    assert axes["recorded"].get_title() == "recorded, x-rays not looked for"
    assert axes["light"].get_title() == "illumination not fitted"
    assert axes["prepared"].get_title() == "prepared (normalize)"
    assert not axes["light"].images and not axes["before"].lines


def test_a_micrograph_without_contrast_is_refused():
    with pytest.raises(InputError, match="all equal"):
        preparation_figure("flat", np.ones((64, 64)), Preparation())
