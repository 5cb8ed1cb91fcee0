"""The pictures of a segmented image: what is drawn is there, and every text can be read."""

import io

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from hrtem_shift.figures.overlay import LEVEL_COLOURS, overlay_figure
from hrtem_shift.figures.report import figure_png
from hrtem_shift.figures.size_histogram import FEWEST_FOR_A_FIT, size_histogram_figure
from hrtem_shift.reliability.verdict import LEVELS

REASONS = "Outside: " + "image statistics 9.8 times as far from the training set; " * 5


def scene(height=96, width=128):
    y, x = np.mgrid[:height, :width]
    labels = np.zeros((height, width), np.int32)
    labels[(y - 40) ** 2 + (x - 40) ** 2 < 20**2] = 1
    labels[(y - 60) ** 2 + (x - 100) ** 2 < 15**2] = 2
    return np.random.default_rng(0).normal(100, 10, labels.shape) - 30 * (labels > 0), labels


def overlay(image, labels, pixel_size_nm=0.1, **changes):
    given = {"title": "image", "level": "borderline", "explanation": REASONS} | changes
    return overlay_figure(image, labels, pixel_size_nm, **given)


def texts(figure):
    axes = [text.get_text() for ax in figure.axes for text in ax.texts]
    return [text.get_text() for text in figure.texts] + axes


def test_the_verdict_its_reasons_and_the_numbers_are_written():
    figure = overlay(*scene(), centres_px=np.array([[40, 40], [60, 100]]))
    written = texts(figure)
    assert written[:2] == ["image", "borderline"]
    assert " ".join(written[2].split()) == REASONS.strip()
    assert written[3:] == ["1", "2", "2 nm"]


@pytest.mark.parametrize("level", LEVELS)
def test_each_level_has_its_colour(level):
    badge = overlay(*scene(), level=level).texts[1].get_bbox_patch()
    assert badge.get_facecolor()[:3] == pytest.approx(
        tuple(int(LEVEL_COLOURS[level][k : k + 2], 16) / 255 for k in (1, 3, 5))
    )


@pytest.mark.parametrize("title", ["x" * 300, "a $x^{2 b", "20221109_Au_UTC_330kx_2640e"])
@pytest.mark.parametrize("shape", [(96, 128), (40, 400), (300, 90)])
def test_no_text_leaves_the_picture(title, shape):
    figure = overlay(*scene(*shape), title=title)
    renderer = FigureCanvasAgg(figure).get_renderer()
    for text in figure.texts:
        box = text.get_window_extent(renderer)
        assert box.x0 >= 0 and box.y0 >= 0
        assert box.x1 <= figure.bbox.width and box.y1 <= figure.bbox.height


@pytest.mark.parametrize("pixel_size_nm", [0.02, 0.1, 3.0])
def test_the_scale_bar_is_as_long_as_it_says(pixel_size_nm):
    image, labels = scene()
    ax = overlay(image, labels, pixel_size_nm).axes[0]
    bar = ax.patches[1]
    length_nm = float(ax.texts[-1].get_text().removesuffix(" nm"))
    assert bar.get_width() * pixel_size_nm == pytest.approx(length_nm)
    assert 0.1 < bar.get_width() / image.shape[1] <= 0.25


def test_a_large_image_is_thinned_out_and_its_scale_bar_with_it():
    image, labels = (np.kron(values, np.ones((20, 20), int)) for values in scene())
    figure = overlay(image, labels, 0.01)
    height, width = figure.axes[0].images[0].get_array().shape
    assert (height, width) == (1920 // 3, 2560 // 3)
    bar, text = figure.axes[0].patches[1], figure.axes[0].texts[-1].get_text()
    assert bar.get_width() * 3 * 0.01 == pytest.approx(float(text.removesuffix(" nm")))


def test_outlines_are_where_the_particles_are():
    image, labels = scene()
    figure = overlay(np.zeros_like(image), labels, explanation="why")
    picture = np.asarray(Image.open(io.BytesIO(figure_png(figure))).convert("RGB")).astype(int)
    orange = np.abs(picture - (230, 159, 0)).sum(axis=2) < 60
    head = round(0.5 * 150)  # below the badge
    rows, columns = np.nonzero(orange[head:])
    scale = picture.shape[1] / image.shape[1]
    assert columns.min() / scale == pytest.approx(20.5, abs=1)
    assert columns.max() / scale == pytest.approx(115, abs=1.5)
    assert rows.min() / scale == pytest.approx(20.5, abs=1)


def test_the_histogram_counts_every_particle_and_says_how_many():
    diameters = np.random.default_rng(1).normal(4, 0.5, 200)
    figure = size_histogram_figure(diameters, 7, "discs $")
    ax = figure.axes[0]
    assert sum(bar.get_height() for bar in ax.patches if bar.get_height() > 1.5) >= 190
    note = figure.get_supxlabel()
    assert f"median {np.median(diameters):.3g} nm" in note
    assert "N = 200 (too few for a fitted distribution); 7 cut by the border" in note
    assert ax.get_title(loc="left") == "discs $"
    assert figure_png(figure).startswith(b"\x89PNG")


@pytest.mark.parametrize("diameters", [[], [3.0], [3.0] * 5, [1.0] * 50 + [900.0]])
def test_any_number_of_particles_is_drawn(diameters):
    figure = size_histogram_figure(np.array(diameters), 0, "few")
    assert figure_png(figure).startswith(b"\x89PNG")
    assert len(figure.axes[0].patches) <= 41
    assert ("no particle is whole" in figure.get_supxlabel()) == (not diameters)


def test_only_thousands_of_particles_are_enough_for_a_distribution():
    many = np.linspace(3, 5, FEWEST_FOR_A_FIT)
    assert "too few" not in size_histogram_figure(many, 0, "many").get_supxlabel()
