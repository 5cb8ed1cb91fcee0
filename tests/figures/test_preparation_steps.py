"""What preparation does: x-rays circled where they are, the light that was fitted, histograms."""

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from hrtem_shift.errors import InputError
from hrtem_shift.figures.preparation_steps import preparation_figure
from hrtem_shift.preparation.patches import Preparation
from hrtem_shift.preparation.steps import prepare

ALL_STEPS = Preparation(xray_threshold_counts=1500, flat_field="exact", rescaling="standardize")


def micrograph(shape=(120, 160), uneven=0.2):
    light = 1 + uneven * np.linspace(-1, 1, shape[1])[None, :] * np.ones((shape[0], 1))
    counts = np.random.default_rng(0).poisson(900 * light).astype(np.float32)
    counts[[20, 40], [30, 60]] = 9000
    return counts


def panels(row):
    return {ax.get_label(): ax for ax in row.axes}


def panels_of(pixels, preparation):
    return panels(preparation_figure({"m7": pixels}, preparation).subfigs[0])


def circles(ax):
    return np.asarray(ax.collections[0].get_offsets())


def heading_of(ax):
    said = ax.get_title(loc="left")
    (text,) = ax.findobj(lambda one: isinstance(one, Text) and one.get_text() == said)
    return text.get_window_extent()


def test_a_row_a_micrograph_each_with_its_name_and_shape():
    shapes = {"session 3/a_01": (120, 160), "b": (96, 64)}
    micrographs = {name: micrograph(shape) for name, shape in shapes.items()}
    rows = preparation_figure(micrographs, ALL_STEPS).subfigs
    assert [row.get_suptitle() for row in rows] == list(shapes)
    assert [panels(row)["recorded"].images[0].get_array().shape for row in rows] == [
        *shapes.values()
    ]


def test_a_long_name_keeps_its_ends():
    name = "folder/" + 200 * "x" + "/frame_0012.dm3"
    (row,) = preparation_figure({name: micrograph()}, Preparation()).subfigs
    assert row.get_suptitle().startswith("folder/xx")
    assert row.get_suptitle().endswith("xx/frame_0012.dm3")
    assert len(row.get_suptitle()) < 110


def test_xrays_are_counted_and_circled_where_they_are():
    ax = panels_of(micrograph(), ALL_STEPS)["recorded"]
    assert ax.get_title(loc="left") == "recorded\n2 x-ray pixels"
    np.testing.assert_array_equal(circles(ax), [[30, 20], [60, 40]])


def test_neither_negative_nor_broken_counts_are_taken_for_xrays():
    counts = micrograph().astype(np.float64) + 0.1
    counts[:10] = -3.5
    np.testing.assert_array_equal(
        circles(panels_of(counts, ALL_STEPS)["recorded"]), [[30, 20], [60, 40]]
    )


def test_circles_follow_when_the_image_is_drawn_smaller():
    pixels = np.random.default_rng(0).poisson(900, (1100, 1024)).astype(np.float32)
    pixels[600, 200] = 9000
    ax = panels_of(pixels, Preparation(xray_threshold_counts=1500))["recorded"]
    assert ax.get_title(loc="left") == "recorded\n1 x-ray pixel"
    assert ax.images[0].get_array().shape == (550, 512)
    np.testing.assert_array_equal(circles(ax), [[100, 300]])


@pytest.mark.parametrize(("struck", "circled"), [(200, 200), (201, 101), (1200, 200)])
def test_circles_are_few_enough_and_all_over_the_image(struck, circled):
    pixels = np.random.default_rng(0).poisson(900, (300, 300)).astype(np.float32)
    pixels.flat[np.linspace(0, pixels.size - 1, struck).astype(int)] = 9000
    ax = panels_of(pixels, ALL_STEPS)["recorded"]
    assert len(circles(ax)) == circled
    assert circles(ax)[:, 1].max() > 290
    said = f", {circled} circled" if circled < struck else ""
    assert ax.get_title(loc="left") == f"recorded\n{struck:,} x-ray pixels{said}"


@pytest.mark.parametrize("method", ["exact", "fast"])
def test_the_light_is_shown_in_parts_of_its_mean(method):
    preparation = ALL_STEPS.model_copy(update={"flat_field": method})
    ax = panels_of(micrograph(), preparation)["light"]
    light = ax.images[0].get_array()
    np.testing.assert_allclose(light.mean(axis=0), np.linspace(0.8, 1.2, 160), atol=0.02)
    low, high = prepare(micrograph(), preparation).background_range_counts
    said = f"uneven by {100 * (1 - low / high):.1f} %\n{low:.0f} to {high:,.0f} counts"
    assert ax.get_title(loc="left") == f"illumination, {said}"


def test_all_rows_show_the_light_in_the_same_colours():
    uneven, even = micrograph(uneven=0.4), micrograph(uneven=0.01)
    rows = preparation_figure({"uneven": uneven, "even": even}, ALL_STEPS).subfigs
    first, second = (panels(row)["light"] for row in rows)
    assert first.images[0].get_clim() == second.images[0].get_clim()
    assert first.images[0].get_clim() == pytest.approx((0.6, 1.4), abs=0.03)


def test_contours_stand_at_the_ticks_of_the_colour_bar():
    ax = panels_of(micrograph(uneven=0.4), ALL_STEPS)["light"]
    levels = ax.collections[0].levels
    assert len(levels) > 2
    assert set(levels) <= set(ax.child_axes[0].get_yticks())


def test_a_nearly_even_light_is_not_made_to_shout():
    light = panels_of(micrograph(uneven=0.01), ALL_STEPS)["light"]
    assert light.images[0].get_clim() == (0.95, 1.05)


def test_the_prepared_image_is_what_patches_are_cut_from():
    shown = panels_of(micrograph(), ALL_STEPS)["prepared"].images[0].get_array()
    np.testing.assert_allclose(shown, prepare(micrograph(), ALL_STEPS).pixels, rtol=1e-6)


def test_it_is_drawn_on_the_grid_that_networks_see():
    (row,) = preparation_figure({"m7": micrograph()}, ALL_STEPS, {"m7": 0.5}).subfigs
    expected = prepare(micrograph(), ALL_STEPS, 0.5).pixels
    drawn = panels(row)["prepared"].images[0].get_array()
    assert drawn.shape == expected.shape == (60, 80)
    np.testing.assert_allclose(drawn, expected, rtol=1e-6)


def test_histograms_count_every_pixel_before_and_after():
    axes = panels_of(micrograph(), ALL_STEPS)
    for name in ("before", "after"):
        assert axes[name].patches[0].get_data().values.sum() == 120 * 160
    assert axes["before"].lines[0].get_xdata()[0] == np.median(micrograph()) + 1500
    assert axes["before"].get_xlim()[1] > 8000 and axes["after"].get_xlim()[1] < 7


@pytest.mark.parametrize(
    ("steps", "unit"),
    [
        ({"rescaling": "standardize"}, "standard deviations"),
        ({"rescaling": "histogram"}, "0 to 1"),
        ({"rescaling": None}, "counts"),
        ({"rescaling": None, "flat_field": "fast"}, "counts / illumination"),
    ],
)
def test_the_last_axis_has_the_unit_that_rescaling_gives(steps, unit):
    after = panels_of(micrograph(), Preparation(**steps))["after"]
    assert after.get_xlabel() == f"prepared [{unit}]"


def test_steps_that_are_left_out_are_said_to_be():
    axes = panels_of(micrograph(), Preparation(rescaling=None))
    assert axes["recorded"].get_title(loc="left") == "recorded\nx-rays not looked for"
    assert axes["light"].get_title(loc="left") == "illumination\nnot fitted"
    assert axes["prepared"].get_title(loc="left") == "prepared\nnot rescaled"
    assert not axes["light"].images and not axes["before"].lines


def test_no_heading_reaches_into_the_next_panel():
    figure = preparation_figure(
        {"m7": 1000 * micrograph(uneven=0.4)}, Preparation(flat_field="fast")
    )
    FigureCanvasAgg(figure).draw()
    axes = panels(figure.subfigs[0])
    recorded, light, prepared = (
        heading_of(axes[name]) for name in ("recorded", "light", "prepared")
    )
    assert recorded.x1 < light.x0 and light.x1 < prepared.x0


def test_a_micrograph_without_contrast_is_refused():
    with pytest.raises(InputError, match="all equal"):
        preparation_figure({"flat": np.ones((64, 64))}, Preparation())


def test_no_micrograph_is_refused():
    with pytest.raises(InputError, match="nothing to draw"):
        preparation_figure({}, Preparation())
