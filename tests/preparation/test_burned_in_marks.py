from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from hrtem_shift.preparation.burned_in_marks import burned_in_marks

EMPS = Path(__file__).parents[3] / "shared" / "data" / "emps"


def noisy(shape=(256, 256), seed=0):
    return np.random.default_rng(seed).normal(120, 15, shape).clip(60, 200).astype(np.uint8)


def with_ink(image, draw_on, shade):
    canvas = Image.new("L", image.shape[::-1], 0)
    draw_on(ImageDraw.Draw(canvas))
    ink = np.asarray(canvas) > 127
    return np.where(ink, shade, image).astype(image.dtype), ink


def bar_with_letters(draw):
    draw.text((150, 205), "50 nm", fill=255, font=ImageFont.load_default(20))
    draw.rectangle((150, 235, 220, 241), fill=255)


def panel_letter(draw):
    draw.text((6, 4), "B", fill=255, font=ImageFont.load_default(24))


@pytest.mark.parametrize("draw_on", [bar_with_letters, panel_letter])
@pytest.mark.parametrize("shade", [0, 255])
def test_bars_and_letters_are_found_and_nothing_else(draw_on, shade):
    image, ink = with_ink(noisy(), draw_on, shade)
    marks = burned_in_marks(image)
    assert marks[ink].mean() > 0.97
    rows, columns = np.nonzero(ink)
    marks[rows.min() - 3 : rows.max() + 4, columns.min() - 3 : columns.max() + 4] = False
    assert not marks.any()


def test_a_box_is_taken_whole():
    image, _ = with_ink(noisy(), lambda draw: draw.rectangle((160, 200, 250, 250), fill=255), 255)
    image, _ = with_ink(
        image,
        lambda draw: draw.text((170, 210), "5 nm", fill=255, font=ImageFont.load_default(24)),
        0,
    )
    assert burned_in_marks(image)[200:251, 160:251].all()


def test_saturated_discs_rods_and_noise_are_no_marks():
    y, x = np.mgrid[:256, :256]
    image = noisy()
    for row, column in np.random.default_rng(2).integers(0, 256, (12, 2)):
        image[(y - row) ** 2 + (x - column) ** 2 < 14**2] = 0
    assert not burned_in_marks(image).any()
    canvas = Image.fromarray(noisy())
    draw = ImageDraw.Draw(canvas)
    for row in range(8, 250, 24):
        for column in range(8, 250, 24):
            draw.line((column, row, column + 14, row + 8), fill=0, width=5)
    assert not burned_in_marks(np.asarray(canvas)).any()
    assert not burned_in_marks(noisy().astype(np.float32) ** 2).any()
    assert not burned_in_marks(np.zeros((64, 64), np.uint8)).any()


@pytest.mark.skipif(not EMPS.is_dir(), reason="no EMPS images beside the project")
def test_hand_labelled_particles_of_journal_figures_are_left_alone():
    shares, with_marks = [], 0
    for path in sorted((EMPS / "images").glob("*.png"))[::3]:
        particles = np.asarray(Image.open(EMPS / "labels" / path.name)) > 0
        marks = burned_in_marks(np.asarray(Image.open(path).convert("L")))
        shares.append((marks & particles).sum() / particles.sum())
        with_marks += bool(marks.any())
    assert np.mean(shares) < 0.005
    assert max(shares) < 0.05
    assert with_marks > 0.6 * len(shares)
