"""Inputs on which the program once failed or misled: each has the right answer now.

The files lie beside the project; what they stand for is made up here as well, so that these tests
mean something without them.
"""

from pathlib import Path

import numpy as np
import pytest
import tifffile

from hrtem_shift.cli.arguments import DONE, SOME_FAILED, USAGE_ERROR
from hrtem_shift.cli.main import main
from hrtem_shift.errors import InputError
from hrtem_shift.micrographs.readers import read_mask, read_micrograph
from hrtem_shift.micrographs.recorded_image import RecordedImage
from hrtem_shift.segmentation.batch import inspect_images
from hrtem_shift.segmentation.inputs import InputImage
from hrtem_shift.segmentation.micrographs import Segmenter, segment_image
from hrtem_shift.segmentation.options import SegmentationOptions
from hrtem_shift.segmentation.shipped import shipped_package

CASES = Path(__file__).parents[3] / "shared" / "data" / "field_cases"
OPTIONS = SegmentationOptions()
with_cases = pytest.mark.skipif(not CASES.is_dir(), reason=f"no field cases at {CASES}")


@pytest.fixture(scope="module")
def package():
    return shipped_package()


@pytest.fixture(scope="module")
def segmenter(package):
    return Segmenter.of(package)


def segmented(segmenter, pixels, pixel_size_nm=0.05):
    return segment_image(
        RecordedImage(pixels, "tif", pixel_size_nm=pixel_size_nm), segmenter, OPTIONS
    )


def dice_of(labels):
    truth = read_mask(CASES / "truth_256px.png")
    mask = labels > 0
    return 2 * (mask & truth).sum() / (mask.sum() + truth.sum())


def case(name):
    return read_micrograph(CASES / name).pixels


def noise(side, seed=0):
    return np.random.default_rng(seed).normal(1000, 30, (side, side)).astype(np.float32)


def test_pixels_far_too_coarse_are_outside_and_not_enlarged_without_end(segmenter):
    coarse = segmented(segmenter, noise(128), 8.55)
    assert coarse.scale <= 4
    assert coarse.verdict.level == "outside"
    assert "171 times as coarse as trained" in coarse.verdict.reasons
    assert "Check the pixel size" in coarse.verdict.what_to_do


def test_a_dry_run_says_so_too(package, tmp_path):
    path = tmp_path / "coarse.tif"
    tifffile.imwrite(path, noise(128))
    options = SegmentationOptions(pixel_size_nm=8.55)
    table = inspect_images([InputImage("coarse", path)], package, options, tmp_path / "out")
    assert "171 times as coarse as trained" in table["what"][0]
    assert (
        main(["segment", str(path), "--pixel-size-nm", "8.55", "--dry-run", "--out", "o"]) == DONE
    )


def test_an_image_that_takes_too_much_memory_is_refused_before_it_is_taken(segmenter, tmp_path):
    small = SegmentationOptions(memory_gib=0.5)
    recorded = RecordedImage(noise(2048), "tif", pixel_size_nm=0.05)
    with pytest.raises(InputError, match=r"take about .* GiB"):
        segment_image(recorded, segmenter, small)
    path = tmp_path / "large.tif"
    tifffile.imwrite(path, noise(2048))
    command = ["segment", str(path), "--pixel-size-nm", "0.05", "--memory-gib", "0.5"]
    assert main([*command, "--dry-run", "--out", str(tmp_path / "o")]) == SOME_FAILED


@pytest.mark.parametrize(("side", "pixel_size_nm"), [(300, 0.02), (128, 0.05), (40, 0.05)])
def test_structureless_noise_is_never_in_range(segmenter, side, pixel_size_nm):
    for seed in range(3):
        assert segmented(segmenter, noise(side, seed), pixel_size_nm).verdict.level != "in range"


@with_cases
@pytest.mark.parametrize(
    ("name", "levels"),
    [
        ("noise_300px_0.02nm.tif", {"borderline", "outside"}),
        ("diffraction_spots_120px_0.05nm.tif", {"borderline", "outside"}),
        ("empty_film_256px_0.05nm.tif", {"borderline", "outside"}),
        ("coarse_pixels_8.55nm_128px.tif", {"outside"}),
    ],
)
def test_what_shows_no_particle_or_nothing_known_is_not_in_range(segmenter, name, levels):
    recorded = read_micrograph(CASES / name)
    assert segment_image(recorded, segmenter, OPTIONS).verdict.level in levels


@with_cases
def test_dark_particles_are_found_and_expected(segmenter):
    dark = segmented(segmenter, case("dark_particles_256px_0.05nm.tif"))
    true = dice_of(dark.labels)
    assert true > 0.88
    assert dark.verdict.level != "outside"
    assert dark.verdict.expected_dice.low - 0.02 <= true <= dark.verdict.expected_dice.high + 0.02


@with_cases
def test_bright_particles_are_said_to_be_bright(segmenter):
    bright = segmented(segmenter, case("bright_particles_256px_0.05nm.tif"))
    assert "brighter" in bright.verdict.reasons
    assert bright.verdict.level != "in range"
    expected = bright.verdict.expected_dice
    assert expected is None or expected.mean - dice_of(bright.labels) < 0.2


@with_cases
@pytest.mark.parametrize("name", ["hot1_65535.tif", "hot1_2000.tif"])
def test_a_hot_pixel_is_repaired_and_named(segmenter, name):
    control = segmented(segmenter, case("dark_particles_256px_0.05nm.tif"))
    hot = segmented(segmenter, case(name))
    assert "1 hot pixel" in " ".join(hot.notes)
    assert dice_of(hot.labels) == pytest.approx(dice_of(control.labels), abs=0.02)
    assert hot.verdict.level == control.verdict.level
    assert "few electrons" not in hot.verdict.reasons


@with_cases
def test_an_empty_film_has_no_particle_and_no_expected_dice(segmenter):
    empty = segmented(segmenter, case("empty_film_256px_0.05nm.tif"))
    assert len(empty.particles) == 0
    assert empty.verdict.reasons.startswith("no particle found")
    assert empty.verdict.expected_dice is None


@with_cases
def test_letters_of_a_burned_in_scale_are_no_particles(segmenter):
    from PIL import Image, ImageDraw, ImageFont

    plain = case("dark_particles_256px_0.05nm.tif")
    canvas = Image.new("L", plain.shape[::-1], 0)
    draw = ImageDraw.Draw(canvas)
    draw.text((8, 216), "5 nm", fill=255, font=ImageFont.load_default(20))
    draw.rectangle((8, 242, 108, 247), fill=255)
    lettered = np.where(np.asarray(canvas) > 127, plain.min(), plain)
    before, after = segmented(segmenter, plain), segmented(segmenter, lettered)
    assert "burned-in marks" in " ".join(after.notes)
    assert dice_of(after.labels) > dice_of(before.labels) - 0.05
    marked = np.asarray(canvas) > 127
    assert not (after.labels[marked] > 0).any()


def test_an_out_that_is_a_file_is_a_usage_error(tmp_path):
    (tmp_path / "o").write_text("mine")
    assert main(["segment", str(tmp_path), "--out", str(tmp_path / "o")]) == USAGE_ERROR
    assert (tmp_path / "o").read_text() == "mine"
