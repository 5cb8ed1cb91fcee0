"""The networks that come with the program: sound, small, and good on images never seen."""

from pathlib import Path

import numpy as np
import pytest

from hrtem_shift.errors import InputError
from hrtem_shift.evaluation.dice import count_pixels, hard_dice
from hrtem_shift.micrographs.readers import read_mask, read_micrograph
from hrtem_shift.reliability.verdict import LEVELS
from hrtem_shift.segmentation.measures import label_particles
from hrtem_shift.segmentation.micrographs import Segmenter, segment_image
from hrtem_shift.segmentation.options import SegmentationOptions
from hrtem_shift.segmentation.shipped import shipped_package

SEGTRACK = Path(__file__).parents[2].parent / "shared" / "data" / "segtrack"
PIXEL_SIZE_NM = 0.059
"""By assumption: conf/segtrack/parameters_ingestion.yml."""
FEW = ("0", "5", "10", "15")
SPECK_PX = 50
"""Smaller labels are slips of the hand (shared/data/README.md)."""


@pytest.fixture(scope="module")
def package(request):
    return shipped_package(getattr(request, "param", "broad"))


def test_it_is_an_ensemble_of_five_folds_in_less_than_5_MiB(package):
    assert [member.fold for member in package.description.members] == [0, 1, 2, 3, 4]
    assert sum(path.stat().st_size for path in package.folder.iterdir()) < 5 * 2**20


def test_all_that_it_was_trained_on_is_simulated(package):
    assert {member.train_set for member in package.description.members} == {"broad"}
    assert set(package.usual_evidence["data_set"]) == {"evidence_usual"}
    assert package.description.domain.dose_e_per_A2 is not None  # no recorded image states one


def test_its_evidence_reaches_far_outside_of_training(package):
    kinds = package.evidence.loc[~package.evidence["usual"], "data_set"].nunique()
    assert kinds >= 12
    assert package.evidence.loc[~package.evidence["usual"], "hard_dice"].lt(0.5).mean() > 0.2
    card = (package.folder / "CARD.md").read_text(encoding="utf-8")
    assert "emps" in card and "no network was trained on" in card


def test_expected_dice_is_right_of_what_it_was_not_fitted_to(package):
    evidence = package.evidence
    off = evidence["unseen_expectation"] - evidence["hard_dice"]
    assert off.abs().mean() <= 0.1
    assert off[evidence["usual"]].abs().mean() <= 0.05
    ranks = evidence[["unseen_expectation", "hard_dice"]].corr("spearman").iloc[0, 1]
    assert ranks >= 0.9


def test_networks_for_particles_are_small_and_know_simulated_images_alone():
    package = shipped_package("particles")
    assert sum(path.stat().st_size for path in package.folder.iterdir()) < 24 * 2**20
    assert {member.train_set for member in package.description.members} == {"particles"}
    usual = set(package.usual_evidence["data_set"])
    assert {"drawn_usual", "broad", "lattice_fine"} <= usual and not usual & {"emps", "segtrack"}
    assert package.description.scales == [2, 1, 0.5, 0.25]


def test_an_unknown_name_is_no_package():
    with pytest.raises(InputError, match="no network package 'particle' is shipped"):
        shipped_package("particle")


@pytest.mark.parametrize(
    ("package", "least_dice", "most_off"),
    [("broad", 0.93, 0.1), ("particles", 0.92, 0.2)],
    indirect=["package"],
)
def test_it_finds_the_particles_of_recorded_micrographs(package, least_dice, most_off):
    if not SEGTRACK.is_dir():
        pytest.skip("the segtrack micrographs are not beside this checkout (shared/data)")
    segmenter, options = Segmenter.of(package), SegmentationOptions(pixel_size_nm=PIXEL_SIZE_NM)
    found, labelled, scores = 0, 0, []
    for number in FEW:
        recorded = read_micrograph(SEGTRACK / f"images/image_{number}.png", PIXEL_SIZE_NM)
        truth = label_particles(
            read_mask(SEGTRACK / f"labels/label_{number}.png"), 1, min_area_nm2=SPECK_PX
        )
        result = segment_image(recorded, segmenter, options)
        assert result.verdict.level in LEVELS and result.verdict.reasons
        found += result.labels.max()
        labelled += truth.max()
        counts = count_pixels((result.labels > 0)[None], (truth > 0)[None])
        scores.append(hard_dice(counts).item())
    assert np.mean(scores) >= least_dice
    assert abs(found - labelled) <= most_off * labelled
