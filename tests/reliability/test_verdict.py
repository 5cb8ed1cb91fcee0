"""The verdict follows from expected loss, and no statistic outweighs a fact."""

import numpy as np
import pytest
from network_packages import (
    LEVELS as NETWORK_LEVELS,
)
from network_packages import (
    PIXEL_SIZE_NM,
    PREPARATION,
    dark_network,
    disc_image,
    measured,
    training_image,
)

from hrtem_shift.microscope.conditions import Lens
from hrtem_shift.networks.inference import Predictor
from hrtem_shift.reliability.observation import observe
from hrtem_shift.reliability.optics import TrainedOptics, measured_relation
from hrtem_shift.reliability.training_domain import Range, TrainingDomain
from hrtem_shift.reliability.verdict import (
    LEVELS,
    LIMITS,
    Conditions,
    DomainCheck,
    Fact,
    Verdict,
    check_conditions,
    verdict_rule,
)
from hrtem_shift.shift.measure import TransferMeasure
from hrtem_shift.shift.overlap import transfer_overlap

TRAINED_NM = Range(low=PIXEL_SIZE_NM, high=PIXEL_SIZE_NM)
DOMAIN = TrainingDomain(pixel_size_nm=TRAINED_NM, dose_e_per_A2=Range(low=100, high=100))
USUAL = Conditions(pixel_size_nm=0.1, dose_e_per_A2=100.0)
ENSEMBLE = [Predictor(dark_network(level)) for level in NETWORK_LEVELS]
LENSES = [Lens(defocus_nm=d, focal_spread_std_nm=1.5) for d in (4, 8, 14, 22, 34)]


def inputs_of(image):
    return observe(image, 1.0, ENSEMBLE, PREPARATION).inputs


TRAINING_INPUTS = inputs_of(training_image(1000))


@pytest.fixture(scope="module")
def judge():
    kernel, evidence = measured()
    return DomainCheck(DOMAIN, None, kernel, evidence)


def optics():
    """Measured at five defoci: Dice falls with the overlap of transfer."""
    measure = TransferMeasure()
    overlap = transfer_overlap(LENSES, LENSES, measure)
    relation = measured_relation(overlap, 0.9 - 2 * (1 - overlap), 25)
    return TrainedOptics(lenses=(LENSES[0],), measure=measure, relation=relation)


def test_an_image_of_the_trained_kind_is_in_range(judge):
    verdict = judge.verdict(USUAL, TRAINING_INPUTS, any_found=True)
    assert verdict.level == "in range"
    assert verdict.expected_dice.mean > 0.95
    assert verdict.expected_dice.low <= verdict.expected_dice.mean <= verdict.expected_dice.high
    assert verdict.not_compared == ("optics (no imaging conditions are in the package)",)
    assert verdict.sentence.startswith("In range: expected hard Dice ")
    assert f"{judge.usual_dice:.2f} on images like those of training" in verdict.sentence


def test_an_image_of_noise_is_outside_and_the_reason_says_what_differs(judge):
    noise = np.random.default_rng(7).normal(100, 10, (128, 128)).astype(np.float32)
    verdict = judge.verdict(USUAL, inputs_of(noise), any_found=True)
    assert verdict.level == "outside"
    assert verdict.reasons.startswith("unlike training: ") and " in training" in verdict.reasons
    assert "Do not use the sizes" in verdict.what_to_do


@pytest.mark.parametrize(
    ("expected_loss", "level"),
    [(0.0, 0), (LIMITS.acceptable_loss * 1.5, 1), (LIMITS.largest_loss * 1.2, 2)],
)
def test_levels_are_expected_losses(judge, monkeypatch, expected_loss, level):
    expected = judge.expect(TRAINING_INPUTS)._replace(mean=judge.usual_dice - expected_loss)
    monkeypatch.setattr(DomainCheck, "expect", lambda self, inputs: expected)
    monkeypatch.setattr(DomainCheck, "_lowest_usual", 1.0)
    fresh = DomainCheck(DOMAIN, None, judge.kernel, judge.evidence)
    verdict = fresh.verdict(USUAL, TRAINING_INPUTS, any_found=True)
    assert verdict.level == verdict.loss_level == LEVELS[level]


def test_where_nothing_like_it_was_measured_dice_is_unknown(judge):
    far = TRAINING_INPUTS + 1e6
    verdict = judge.verdict(USUAL, far, any_found=True)
    assert verdict.expected_dice is None and verdict.level == "outside"
    assert "nothing like it was measured" in verdict.reasons
    assert "expected hard Dice unknown" in verdict.reasons


@pytest.mark.parametrize("inputs", [None, TRAINING_INPUTS])
def test_no_particle_is_said_and_has_no_expected_dice(judge, inputs):
    verdict = judge.verdict(USUAL, inputs, any_found=False)
    assert verdict.reasons.startswith("no particle found")
    assert verdict.expected_dice is None and verdict.level == "outside"
    assert "empty film" in verdict.what_to_do and "Do not use" not in verdict.what_to_do


def test_it_is_never_in_range_when_statistics_were_not_compared(judge):
    verdict = judge.verdict(USUAL, None, any_found=True)
    assert verdict.level == "borderline" and verdict.expected_dice is None
    assert "image statistics" in verdict.not_compared[-1]
    without = DomainCheck(DOMAIN, None, None, judge.evidence)
    assert without.verdict(USUAL, TRAINING_INPUTS, any_found=True).level == "borderline"
    assert Verdict((), 0.9, None, (), None).level == "borderline"


def test_an_unknown_pixel_size_or_dose_is_said(judge):
    verdict = judge.verdict(Conditions(), TRAINING_INPUTS, any_found=True)
    assert verdict.level == "borderline"
    assert "the pixel size is not known" in verdict.reasons
    assert "dose (not known for this image)" in verdict.not_compared


def test_facts_lower_a_verdict_and_never_raise_it(judge):
    doubt = Fact("borderline", "the contrast is reversed", "Look at the overlay.")
    verdict = judge.verdict(USUAL, TRAINING_INPUTS, any_found=True, extra=(doubt,))
    assert verdict.level == "borderline" and verdict.reasons.startswith(doubt.what)
    assert verdict.what_to_do.startswith(doubt.do)
    noise = np.random.default_rng(7).normal(100, 10, (128, 128)).astype(np.float32)
    assert judge.verdict(USUAL, inputs_of(noise), any_found=True, extra=(doubt,)).level == "outside"


@pytest.mark.parametrize(
    ("pixel_size_nm", "level"), [(0.1, 0), (0.3, 0), (8.55, 2), (0.05, 0), (0.005, 2)]
)
def test_pixels_far_from_those_of_training_are_outside(judge, pixel_size_nm, level):
    conditions = Conditions(pixel_size_nm, 100.0)
    assert judge.verdict(conditions, TRAINING_INPUTS, any_found=True).level == LEVELS[level]
    before = check_conditions(DOMAIN, None, conditions)
    assert (before.level == "outside") == (level == 2)
    if level:
        assert "times as" in before.reasons and "Check the pixel size" in before.what_to_do


@pytest.mark.parametrize(("dose", "level"), [(100, 0), (60, 0), (20, 1), (1000, 1)])
def test_doses_far_from_those_of_training_are_borderline_at_best(judge, dose, level):
    verdict = judge.verdict(Conditions(0.1, dose), TRAINING_INPUTS, any_found=True)
    assert verdict.level == LEVELS[level]


@pytest.mark.parametrize(("lens", "level"), [(LENSES[0], "in range"), (LENSES[-1], "outside")])
def test_a_known_defocus_is_compared_with_that_of_training(judge, lens, level):
    knowing = DomainCheck(DOMAIN, optics(), judge.kernel, judge.evidence)
    conditions = Conditions(0.1, 100.0, lens)
    verdict = knowing.verdict(conditions, TRAINING_INPUTS, any_found=True)
    assert verdict.level == level
    (fact,) = [fact for fact in verdict.facts if fact.what.startswith("defocus")]
    assert "25 pairs of conditions, 25 networks" in fact.what
    before = check_conditions(DOMAIN, optics(), conditions)
    assert fact in before.facts
    assert before.level == max("borderline", level, key=LEVELS.index)
    unknown = knowing.verdict(USUAL, TRAINING_INPUTS, any_found=True)
    assert "optics (the defocus is not known for this image)" in unknown.not_compared


def test_before_an_image_is_taken_nothing_is_in_range():
    verdict = check_conditions(DOMAIN, None, USUAL)
    assert verdict.level == "borderline" and verdict.expected_dice is None
    assert "the image itself was not compared" in verdict.reasons


def test_the_rule_in_words_has_the_limits():
    assert f"{LIMITS.acceptable_loss:g}" in verdict_rule()
    assert f"{LIMITS.largest_loss:g}" in verdict_rule()


def test_other_images_of_the_trained_kind_are_hardly_ever_flagged(judge):
    images = [disc_image((40, 40, 13), (90, 80, 15), seed=k) for k in range(12)]
    levels = [judge.verdict(USUAL, inputs_of(i), any_found=True).level for i in images]
    assert levels.count("in range") >= 11
