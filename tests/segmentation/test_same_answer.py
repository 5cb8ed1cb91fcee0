"""Command line, pipeline, Python and the documentation give the same answer for the same image."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from network_packages import (
    PIXEL_SIZE_NM,
    PREPARATION,
    dark_network,
    disc_image,
    make_package,
    training_image,
)
from PIL import Image

from hrtem_shift.catalog.segmentation_results import SegmentationResults
from hrtem_shift.cli.arguments import DONE
from hrtem_shift.cli.main import main
from hrtem_shift.evaluation.whole_micrographs import segment_micrograph
from hrtem_shift.execution.compute import Compute
from hrtem_shift.micrographs.folder import inspect_folder
from hrtem_shift.micrographs.readers import read_micrograph
from hrtem_shift.microscope.conditions import Lens
from hrtem_shift.networks.inference import Predictor
from hrtem_shift.pipelines.segmentation.nodes import list_images, segment_listed
from hrtem_shift.pipelines.segmentation.parameters import Segmentation
from hrtem_shift.reliability.optics import TrainedOptics, measured_relation
from hrtem_shift.reliability.verdict import LIMITS, Conditions, Verdict, check_conditions
from hrtem_shift.segmentation.micrographs import Segmenter, segment_image
from hrtem_shift.segmentation.options import SegmentationOptions
from hrtem_shift.segmentation.package import read_package
from hrtem_shift.segmentation.results import write_tiff
from hrtem_shift.shift.measure import TransferMeasure
from hrtem_shift.shift.overlap import transfer_overlap
from hrtem_shift.tables import rows_of

DOCS = Path(__file__).parents[2] / "docs"
LENSES = [Lens(defocus_nm=d, focal_spread_std_nm=2) for d in (6, 10, 14, 22, 34)]
MEASURE = TransferMeasure()
OVERLAP = transfer_overlap(LENSES, LENSES, MEASURE)
DICE = 0.9 - 0.5 * (1 - OVERLAP)

IMAGES = {
    "usual": (training_image(1000), PIXEL_SIZE_NM),
    "noisy": (disc_image((40, 40, 14), (90, 80, 15), noise=0.6), PIXEL_SIZE_NM),
    "coarse": (training_image(1001), 60 * PIXEL_SIZE_NM),
    "finer": (training_image(1002), PIXEL_SIZE_NM / 20),
}


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    return make_package(tmp_path_factory.mktemp("packages") / "discs")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    for name, (pixels, size_nm) in IMAGES.items():
        write_tiff(folder / f"{name}.tif", pixels, size_nm)
    return folder


def test_command_line_pipeline_and_python_agree(package, folder, tmp_path):
    command = ["segment", str(folder), "--network", str(package), "--device", "cpu"]
    assert main([*command, "--out", str(tmp_path / "a")]) == DONE
    by_command = pd.read_csv(tmp_path / "a" / "summary.csv").set_index("image")
    given = Segmentation(paths=[str(folder)], network=str(package))
    results = SegmentationResults(tmp_path / "b")
    by_pipeline, _ = segment_listed(list_images(given), given, Compute(device="cpu"), results)
    by_pipeline = by_pipeline.set_index("image")
    segmenter = Segmenter.of(read_package(package))
    for name in IMAGES:
        recorded = read_micrograph(folder / f"{name}.tif")
        verdict = segment_image(recorded, segmenter, SegmentationOptions()).verdict
        assert type(verdict) is Verdict
        for row in (by_command.loc[name], by_pipeline.loc[name]):
            assert (row["verdict"], row["reasons"]) == (verdict.level, verdict.reasons)
            expected = verdict.expected_dice.mean if verdict.expected_dice else None
            if expected is None:
                assert pd.isna(row["expected_dice"])
            else:
                assert row["expected_dice"] == pytest.approx(expected, abs=1e-5)
    assert by_command["verdict"].nunique() > 1


@pytest.mark.parametrize("shape", [(128, 128), (117, 101)])
def test_a_study_and_the_command_segment_a_micrograph_alike(tmp_path, shape):
    """Also to the last row and column of an image whose sides are no multiples of 16."""
    height, width = shape
    pixels, mask = training_image(3)[:height, :width], np.zeros(shape, np.uint8)
    write_tiff(tmp_path / "image.tif", pixels, PIXEL_SIZE_NM)
    Image.fromarray(mask).save(tmp_path / "mask.png")
    table = {"image": ["image.tif"], "mask": ["mask.png"], "pixel_size_nm": [PIXEL_SIZE_NM]}
    pd.DataFrame(table).to_csv(tmp_path / "metadata.csv", index=False)
    (row,) = rows_of(inspect_folder(tmp_path, tmp_path / "metadata.csv"))
    by_study = segment_micrograph(Predictor(dark_network(0.8)), row, PREPARATION).mask
    package = read_package(make_package(tmp_path / "package", levels=(0.8,)))
    recorded = read_micrograph(tmp_path / "image.tif")
    by_command = (
        segment_image(recorded, Segmenter.of(package), SegmentationOptions()).probability > 0.5
    )
    assert by_command.any() and not by_command.all()
    np.testing.assert_array_equal(by_study, by_command)


def test_what_is_said_before_an_image_is_taken_is_said_of_it_afterwards(package, folder):
    segmenter = Segmenter.of(read_package(package))
    domain = segmenter.domain_check.domain
    for name, (_, size_nm) in IMAGES.items():
        before = check_conditions(domain, None, Conditions(size_nm))
        recorded = read_micrograph(folder / f"{name}.tif")
        after = segment_image(recorded, segmenter, SegmentationOptions()).verdict
        said = [fact for fact in before.facts if "not compared" not in fact.what]
        assert set(said) <= set(after.facts)
        assert (before.level == "outside") == any(fact.level == "outside" for fact in said)


def test_the_documented_call_works_and_agrees():
    section = (DOCS / "shift.md").read_text().partition("## Will my networks work")[2]
    code = re.search(r"```python\n(.*?)```", section, re.DOTALL).group(1)
    given = {"overlap": OVERLAP, "dice": DICE, "train": LENSES[1:2], "measure": MEASURE}
    names = {**given, "Lens": Lens}
    exec(code, names)
    optics = TrainedOptics(
        lenses=LENSES[1:2], measure=MEASURE, relation=measured_relation(OVERLAP, DICE, 28)
    )
    conditions = Conditions(0.02, 380, Lens(defocus_nm=14, focal_spread_std_nm=2))
    assert names["verdict"] == check_conditions(names["domain"], optics, conditions)


def test_the_documented_limits_are_those_of_the_program():
    page = (DOCS / "your-own-image.md").read_text()
    for limit in (
        f"up to {LIMITS.acceptable_loss:g}",
        f"up to {LIMITS.largest_loss:g}",
        f"{LIMITS.dose_factor:g} times",
        f"{LIMITS.coarser_factor:g} times as coarse",
        f"{LIMITS.finer_factor:g} times as fine",
    ):
        assert limit in page, limit
