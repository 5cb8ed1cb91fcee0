"""Verdicts: each comparison by itself, and the worst of them all."""

import math
from dataclasses import replace

import numpy as np
import pytest
from network_packages import PREPARATION, disc_image, make_package, training_image

from hrtem_shift.microscope.conditions import Lens
from hrtem_shift.preparation.patches import cut_patches
from hrtem_shift.preparation.steps import prepare
from hrtem_shift.segmentation.description import Range
from hrtem_shift.segmentation.features import FEATURES, features_of
from hrtem_shift.segmentation.package import read_package
from hrtem_shift.segmentation.verdict import LEVELS, Finding, Judge, Verdict
from hrtem_shift.shift.domain import TrainingDomain as Optics
from hrtem_shift.shift.domain import measured_relation
from hrtem_shift.shift.measure import TransferMeasure
from hrtem_shift.shift.overlap import transfer_overlap


def features(image):
    pixels = prepare(image, PREPARATION).pixels
    return features_of(cut_patches(pixels, pixels > 0, PREPARATION.patch_px)[0])


USUAL = {
    "pixel_size_nm": 0.1,
    "dose_e_per_A2": 100.0,
    "features": features(training_image(1000)),
    "agreement": 0.98,
}


@pytest.fixture(scope="module")
def judge(tmp_path_factory):
    return Judge(read_package(make_package(tmp_path_factory.mktemp("packages") / "discs")))


def found(verdict, subject):
    (finding,) = [one for one in verdict.findings if one.subject == subject]
    return finding


def test_an_image_of_the_trained_kind_is_in_range(judge):
    verdict = judge.verdict(**USUAL)
    assert verdict.level == "in range"
    assert verdict.not_compared == ("optics (no imaging conditions are in the package)",)
    assert verdict.reasons == (
        "pixel size, dose, image statistics, agreement of networks as in training"
    )
    assert 0.93 < verdict.expected_dice.low < verdict.expected_dice.high < 0.97
    assert verdict.sentence.startswith("In range: pixel size, dose")
    assert "90% interval, n = 19 measured micrographs" in verdict.sentence


@pytest.mark.parametrize(
    ("pixel_size_nm", "level"),
    [(0.1, 0), (0.12, 0), (0.13, 1), (0.19, 1), (0.3, 2), (0.045, 0), (0.03, 1), (0.01, 2)],
)
def test_pixel_sizes_beyond_the_trained_ones(judge, pixel_size_nm, level):
    verdict = judge.verdict(**USUAL | {"pixel_size_nm": pixel_size_nm})
    assert found(verdict, "pixel size").level == LEVELS[level] == verdict.level
    if level:
        assert verdict.reasons == f"pixel size {pixel_size_nm:.3g} nm, trained at 0.1 nm"


@pytest.mark.parametrize(("dose", "level"), [(100, 0), (120, 0), (60, 1), (160, 1), (5, 2)])
def test_doses_beyond_the_trained_ones(judge, dose, level):
    verdict = judge.verdict(**USUAL | {"dose_e_per_A2": dose})
    assert found(verdict, "dose").level == LEVELS[level] == verdict.level


def test_what_is_not_known_is_said_and_not_compared(judge):
    nothing = {"dose_e_per_A2": None, "features": None, "agreement": math.nan}
    verdict = judge.verdict(**USUAL | nothing)
    assert [one.split(" (")[0] for one in verdict.not_compared] == [
        "dose",
        "image statistics",
        "agreement of networks",
        "optics",
    ]
    assert verdict.level == "in range" and verdict.expected_dice is None
    assert "nothing like this image was measured" in verdict.sentence


def test_a_noisy_image_is_outside_and_the_reason_names_what_differs(judge):
    noisy = features(disc_image((40, 40, 13), (90, 80, 15), noise=0.3))
    verdict = judge.verdict(**USUAL | {"features": noisy})
    assert verdict.level == "outside" and verdict.expected_dice is None
    assert "times as far from the training set" in verdict.reasons
    assert ", trained " in verdict.reasons


@pytest.mark.parametrize(("agreement", "level"), [(0.99, 0), (0.93, 1), (0.6, 2)])
def test_networks_that_disagree_are_not_believed(judge, agreement, level):
    verdict = judge.verdict(**USUAL | {"agreement": agreement})
    assert verdict.level == LEVELS[level]
    if level:
        assert f"hard Dice of {agreement:.2f}, on the training set" in verdict.reasons


def test_the_worst_finding_is_the_verdict():
    size = Finding("pixel size", "borderline", "pixel size 0.15 nm, trained at 0.1 nm")
    dose = Finding("dose", "in range", "dose 100 e/Å², trained at 100 e/Å²")
    optics = Finding("optics", "outside", "defocus 90 nm")
    verdict = Verdict((size, dose, optics), (), None)
    assert verdict.level == "outside"
    assert verdict.reasons == "pixel size 0.15 nm, trained at 0.1 nm; defocus 90 nm"


LENSES = [Lens(defocus_nm=d, focal_spread_std_nm=1.5) for d in (4, 8, 14, 22, 34)]


def knowing_optics(judge):
    """The same package, measured at five defoci: Dice falls with the overlap of transfer."""
    measure = TransferMeasure()
    overlap = transfer_overlap(LENSES, LENSES, measure)
    optics = Optics(
        lenses=(LENSES[0],),
        pixel_size_nm=(0.1, 0.1),
        dose_e_per_A2=(100, 100),
        measure=measure,
        relation=measured_relation(overlap, 0.9 - 2 * (1 - overlap), 25),
    )
    description = judge.package.description.model_copy(update={"optics": optics})
    return Judge(replace(judge.package, description=description))


@pytest.mark.parametrize(("defocus_nm", "level"), [(4, "in range"), (34, "outside")])
def test_a_known_defocus_is_held_against_that_of_training(judge, defocus_nm, level):
    verdict = knowing_optics(judge).verdict(**USUAL, defocus_nm=defocus_nm)
    finding = found(verdict, "optics")
    assert finding.level == level == verdict.level
    assert finding.reason.startswith(f"defocus {defocus_nm} nm, overlap of transfer with training")
    assert "25 pairs of conditions, 25 networks" in finding.reason


def test_an_unknown_defocus_is_said(judge):
    verdict = knowing_optics(judge).verdict(**USUAL)
    assert verdict.not_compared == ("optics (the defocus is not known for this image)",)


def test_nothing_compared_is_no_reason_to_believe():
    assert Verdict((), (), None).level == "borderline"


def test_a_range_of_pixel_sizes_is_in_range_within(judge):
    description = judge.package.description
    domain = description.domain.model_copy(update={"pixel_size_nm": Range(low=0.02, high=0.08)})
    package = replace(judge.package, description=description.model_copy(update={"domain": domain}))
    verdict = Judge(package).verdict(**USUAL | {"pixel_size_nm": 0.05})
    assert found(verdict, "pixel size").level == "in range"
    far = Judge(package).verdict(**USUAL | {"pixel_size_nm": 0.2})
    assert "trained at 0.02 to 0.08 nm" in far.reasons


def test_an_image_of_one_number_has_no_statistics(judge):
    with np.errstate(all="ignore"):
        verdict = judge.verdict(**USUAL | {"features": np.full(len(FEATURES), np.nan)})
    assert "image statistics" in verdict.not_compared[0]
