"""Claims of arXiv 2306.11853: generalization across experimental parameters."""

from __future__ import annotations

import numpy as np

from hrtem_shift.scorecard.claims import Paper, Range, at_least, at_most
from hrtem_shift.scorecard.drawn_scores import Drawn, DrawnScores, mean
from hrtem_shift.scorecard.findings import SEARCH, along_the_noise, by_recipe, searches

PAPER = Paper(
    "arXiv 2306.11853",
    "Generalization across experimental parameters in neural network analysis of "
    "high-resolution transmission electron microscopy datasets",
)
DOSE, PIXEL, DIAMETER = "dose_e_per_A2", "pixel_size_nm", "diameter_nm"

SEGMENTED = 0.8
"""The lowest hard Dice that the paper prints for networks on their own kind of image is 0.81."""
MATTERS = 0.05
"""Loss of hard Dice that counts: about twice the standard deviation between folds, 0.027."""
SAME = Range(-0.02, 0.02)
"""Differences of hard Dice below the standard deviation between folds."""


# Preparation


@PAPER.claim(
    figure="Text, section 2",
    study="rescaling_study",
    statistic="hard Dice on unseen patches, standardized minus histogram",
    holds=at_least(0),
)
def standardizing_beats_histogram(study: DrawnScores) -> Drawn:
    """Standardized images give better networks than images with stretched histograms."""
    return study.only(variant="standardize").own() - study.only(variant="histogram").own()


@PAPER.claim(
    figure="Text, section 2",
    study="rescaling_study",
    statistic="hard Dice on unseen patches, worse of standardized and histogram minus normalized",
    holds=at_least(0),
)
def normalizing_is_worst(study: DrawnScores) -> Drawn:
    """Images normalized to their extremes give the worst networks."""
    others = [study.only(variant=name).own() for name in ("standardize", "histogram")]
    return np.minimum(*others) - study.only(variant="normalize").own()


@PAPER.claim(
    figure="Text, section 2",
    study="rescaling_study",
    statistic="hard Dice on training minus unseen patches, normalized minus standardized",
    holds=at_least(0),
)
def standardizing_narrows_the_gap(study: DrawnScores) -> Drawn:
    """Networks of standardized images differ least between training and unseen patches."""

    def gap(variant: str) -> Drawn:
        networks = study.only(variant=variant)
        return networks.own(on_training=True) - networks.own()

    return gap("normalize") - gap("standardize")


# Sessions


@PAPER.claim(
    figure="Fig. 2c",
    study="session_study",
    statistic="loss of hard Dice on other sessions, as recorded",
    holds=at_least(MATTERS),
)
def sessions_differ_as_recorded(study: DrawnScores) -> Drawn:
    """Without a flat field, networks fail on images of other days at the microscope."""
    return study.only(variant="as_recorded").loss()


@PAPER.claim(
    figure="Fig. 2d",
    study="session_study",
    statistic="loss of hard Dice on other sessions, with flat field",
    holds=at_most(MATTERS),
)
def flat_field_joins_sessions(study: DrawnScores) -> Drawn:
    """With a flat field, networks generalize across days."""
    return study.only(variant="flat_field").loss()


@PAPER.claim(
    figure="Fig. 2c,d",
    study="session_study",
    statistic="half of the loss as recorded, minus the loss with flat field",
    holds=at_least(0),
)
def flat_field_halves_the_loss(study: DrawnScores) -> Drawn:
    """The flat field takes away most of what is lost between days."""
    as_recorded, flat = (study.only(variant=name) for name in ("as_recorded", "flat_field"))
    return as_recorded.loss() / 2 - flat.loss()


@PAPER.claim(
    figure="Fig. 2c,d",
    study="session_study",
    statistic="hard Dice on the own session, with flat field minus as recorded",
    holds=SAME,
)
def flat_field_keeps_the_diagonal(study: DrawnScores) -> Drawn:
    """The flat field changes nothing on a network's own day."""
    return study.only(variant="flat_field").own() - study.only(variant="as_recorded").own()


# Magnification


@PAPER.claim(
    figure="Fig. 3b",
    study="magnification_study",
    statistic="hard Dice at the own pixel size",
    holds=at_least(SEGMENTED),
)
def own_magnification(study: DrawnScores) -> Drawn:
    """Networks segment images of their own magnification."""
    return study.own()


@PAPER.claim(
    figure="Fig. 3b, abstract",
    study="magnification_study",
    statistic="loss of hard Dice at other pixel sizes",
    holds=at_least(MATTERS),
)
def magnifications_differ(study: DrawnScores) -> Drawn:
    """Networks are not robust across magnifications."""
    return study.loss()


@PAPER.claim(
    figure="Fig. 3b",
    study="magnification_study",
    statistic="slope of hard Dice against |log2 of the ratio of pixel sizes|",
    holds=at_most(0),
)
def dice_falls_with_scale(study: DrawnScores) -> Drawn:
    """The further apart two magnifications are, the more is lost."""
    return study.slope(PIXEL)


@PAPER.claim(
    figure="Fig. 3b",
    study="magnification_study",
    statistic="hard Dice, trained at the largest pixel size and tested at the smallest",
    holds=at_most(0.5),
)
def coarse_fails_on_fine(study: DrawnScores) -> Drawn:
    """Networks of the coarsest pixels are extremely poor on the finest."""
    coarsest, *_, finest = study.falling(PIXEL)
    return study.cell(coarsest, finest)


# Dose


@PAPER.claim(
    figure="Fig. 3d",
    study="dose_study",
    statistic="hard Dice at the own dose",
    holds=at_least(SEGMENTED),
)
def own_dose(study: DrawnScores) -> Drawn:
    """Networks segment images of their own dose."""
    return study.own()


@PAPER.claim(
    figure="Fig. 3d",
    study="dose_study",
    statistic="hard Dice at the own dose, highest minus lowest dose",
    holds=at_least(0),
)
def low_dose_is_harder(study: DrawnScores) -> Drawn:
    """The lower the dose, the harder the images, even for networks trained on them."""
    highest, *_, lowest = study.falling(DOSE)
    return study.cell(highest, highest) - study.cell(lowest, lowest)


@PAPER.claim(
    figure="Fig. 3d, abstract",
    study="dose_study",
    statistic="loss of hard Dice at other doses",
    holds=at_least(MATTERS),
)
def doses_differ(study: DrawnScores) -> Drawn:
    """Networks are not robust across doses."""
    return study.loss()


def loss_from_high_to_low_dose(study: DrawnScores) -> Drawn:
    """Hard Dice of networks of the highest dose, there minus at the lowest."""
    highest, *_, lowest = study.falling(DOSE)
    return study.cell(highest, highest) - study.cell(highest, lowest)


@PAPER.claim(
    figure="Fig. 3d",
    study="dose_study",
    statistic="hard Dice of networks of the highest dose, there minus at the lowest dose",
    holds=at_least(0.1),
)
def high_dose_fails_at_low(study: DrawnScores) -> Drawn:
    """Networks of the highest dose fail at the lowest."""
    return loss_from_high_to_low_dose(study)


@PAPER.claim(
    figure="Fig. 5, ρ = 0",
    study="dose_study",
    statistic="hard Dice of networks of the highest dose, there minus at the second highest",
    holds=at_most(0.1),
)
def medium_dose_is_borne(study: DrawnScores) -> Drawn:
    """At half of the dose, networks of the highest dose lose little."""
    highest, second, *_ = study.falling(DOSE, at_least=3)
    return study.cell(highest, highest) - study.cell(highest, second)


@PAPER.claim(
    figure="Fig. 3d",
    study="dose_study",
    statistic="hard Dice from lowest to highest dose, minus from highest to lowest",
    holds=at_least(0),
)
def low_to_high_is_easier(study: DrawnScores) -> Drawn:
    """From high to low dose networks go worse than from low to high."""
    highest, *_, lowest = study.falling(DOSE)
    return study.cell(lowest, highest) - study.cell(highest, lowest)


@PAPER.claim(
    figure="Fig. S4",
    study="dose_study",
    statistic="predicted area over true area, minus 1 [%], mean over tests at a higher dose",
    holds=at_least(0),
)
def higher_dose_is_oversegmented(study: DrawnScores) -> Drawn:
    """At a dose above that of training, networks oversegment."""
    return mean([study.cell(low, high, "area_bias_percent") for high, low in _by_dose(study)])


@PAPER.claim(
    figure="Fig. S4",
    study="dose_study",
    statistic="predicted area over true area, minus 1 [%], mean over tests at a lower dose",
    holds=at_most(0),
)
def lower_dose_is_undersegmented(study: DrawnScores) -> Drawn:
    """At a dose below that of training, networks undersegment."""
    return mean([study.cell(high, low, "area_bias_percent") for high, low in _by_dose(study)])


# Noise augmentation


@PAPER.claim(
    figure="Fig. 5",
    study="dose_study",
    statistic="hard Dice at the lowest dose, mean over ρ from 0.5 to 1 minus without noise",
    holds=at_least(MATTERS),
    networks=along_the_noise,
)
def noise_repairs_low_dose(noise: DrawnScores) -> Drawn:
    """Noise of the right strength in training makes high-dose networks fit for low dose."""
    home, lowest = _home_and_lowest(noise)
    return _gain(noise, home, lowest, rho=(0.5, 1.0))


@PAPER.claim(
    figure="Fig. 5",
    study="dose_study",
    statistic="change of hard Dice by noise of ρ from 0.5 to 1, lowest dose minus dose of training",
    holds=at_least(0),
    networks=along_the_noise,
)
def noise_helps_low_dose_most(noise: DrawnScores) -> Drawn:
    """The lower the dose of the test, the more noise in training helps."""
    home, lowest = _home_and_lowest(noise)
    return _gain(noise, home, lowest, rho=(0.5, 1.0)) - _gain(noise, home, home, rho=(0.5, 1.0))


@PAPER.claim(
    figure="Fig. 5",
    study="dose_study",
    statistic="hard Dice at the dose of training, mean over ρ up to 0.5 minus without noise",
    holds=at_least(-0.02),
    networks=along_the_noise,
)
def little_noise_is_free(noise: DrawnScores) -> Drawn:
    """A little noise costs nothing at the dose of training."""
    home, _ = _home_and_lowest(noise)
    return _gain(noise, home, home, rho=(0.01, 0.5))


@PAPER.claim(
    figure="Fig. 5",
    study="dose_study",
    statistic="hard Dice at the dose of training, without noise minus mean over ρ above 1",
    holds=at_least(0.1),
    networks=along_the_noise,
)
def much_noise_collapses(noise: DrawnScores) -> Drawn:
    """Beyond ρ = 1 networks collapse on clean images."""
    home, _ = _home_and_lowest(noise)
    return -_gain(noise, home, home, rho=_ABOVE_ONE)


@PAPER.claim(
    figure="Fig. 5, text",
    study="dose_study",
    statistic="hard Dice lost by ρ above 1 where test images carry the same noise, "
    "minus half of that lost on clean ones",
    holds=at_least(0),
    networks=along_the_noise,
)
def collapse_is_lost_information(noise: DrawnScores) -> Drawn:
    """Beyond ρ = 1 networks collapse because noise destroys what an image shows."""
    home, _ = _home_and_lowest(noise)
    on_noisy = _gain(noise, home, home, rho=_ABOVE_ONE, noisy_test=True)
    return _gain(noise, home, home, rho=_ABOVE_ONE) / 2 - on_noisy


@PAPER.claim(
    figure="Fig. 5",
    study="dose_study",
    statistic="hard Dice at the lowest dose, mean over upper bounds of ρ from 1 to 2 "
    "minus without noise",
    holds=at_least(MATTERS),
    networks=along_the_noise,
)
def mixed_noise_repairs_low_dose(noise: DrawnScores) -> Drawn:
    """Noise of mixed strength repairs low dose."""
    home, lowest = _home_and_lowest(noise)
    return _gain(noise, home, lowest, rho=(1.0, 2.0), noise_mode="uniform")


@PAPER.claim(
    figure="Fig. 5",
    study="dose_study",
    statistic="hard Dice at the dose of training, mean over upper bounds of ρ from 1 to 2 "
    "minus without noise",
    holds=at_least(-0.02),
    networks=along_the_noise,
)
def mixed_noise_is_free(noise: DrawnScores) -> Drawn:
    """Noise of mixed strength costs nothing at the dose of training, however strong."""
    home, _ = _home_and_lowest(noise)
    return _gain(noise, home, home, rho=(1.0, 2.0), noise_mode="uniform")


# Particle size


@PAPER.claim(
    figure="Fig. 4b, S6",
    study="size_study",
    statistic="hard Dice on the own size",
    holds=at_least(SEGMENTED),
)
def own_size(study: DrawnScores) -> Drawn:
    """Networks segment particles of the size that they were trained on."""
    return study.own()


@PAPER.claim(
    figure="Fig. 4b, S6, abstract",
    study="size_study",
    statistic="loss of hard Dice on other sizes",
    holds=at_most(MATTERS),
)
def sizes_are_alike(study: DrawnScores) -> Drawn:
    """Networks generalize across particle sizes."""
    return study.loss()


@PAPER.claim(
    figure="Fig. 4b, S6",
    study="size_study",
    statistic="hard Dice on all larger sizes minus on the smallest, mean over training sets",
    holds=at_least(0),
)
def smallest_is_hardest(study: DrawnScores) -> Drawn:
    """The smallest particles are the hardest test, whatever a network was trained on."""
    *larger, smallest = study.falling(DIAMETER)
    return mean(
        [
            mean([study.cell(train, test) for test in larger]) - study.cell(train, smallest)
            for train in study.sets()
        ]
    )


@PAPER.claim(
    figure="Fig. 4b, S6",
    study="size_study",
    statistic="hard Dice on all but the smallest size: trained on the smallest minus on those",
    holds=Range(-0.05, 0.05),
)
def larger_sizes_are_alike(study: DrawnScores) -> Drawn:
    """On the larger particles networks of all sizes do equally well."""
    *larger, smallest = study.falling(DIAMETER, at_least=3)
    of_larger = mean([study.cell(train, test) for train in larger for test in larger])
    return mean([study.cell(smallest, test) for test in larger]) - of_larger


# Material


@PAPER.claim(
    figure="Fig. 4d",
    study="material_study",
    statistic="hard Dice, trained at second highest contrast and tested at the highest",
    holds=at_least(SEGMENTED),
)
def metals_are_alike(study: DrawnScores) -> Drawn:
    """Networks of another metal are good on the one of most contrast (silver on gold)."""
    strongest, second, *_ = study.falling("contrast", at_least=3)
    return study.cell(second, strongest)


@PAPER.claim(
    figure="Fig. 4d",
    study="material_study",
    statistic="hard Dice, trained at the lowest contrast and tested at the highest",
    holds=at_least(0.7),
)
def weak_contrast_is_decent_on_strong(study: DrawnScores) -> Drawn:
    """Networks of the material of least contrast are decent on that of most (CdSe on gold)."""
    strongest, *_, weakest = study.falling("contrast")
    return study.cell(weakest, strongest)


@PAPER.claim(
    figure="Fig. 4d",
    study="material_study",
    statistic="hard Dice on the own material, highest contrast minus mean of the others",
    holds=at_least(0),
)
def weak_contrast_is_harder(study: DrawnScores) -> Drawn:
    """Materials of less contrast are harder even for networks trained on them."""
    strongest, *weaker = study.falling("contrast")
    return study.cell(strongest, strongest) - mean([study.cell(name, name) for name in weaker])


# Hyperparameters


@PAPER.claim(
    figure="Fig. S6, search notebook",
    study="hyperparameter_study",
    statistic="part by which the lowest validation loss lies below that of the usual recipe",
    holds=at_least(0.05),
    networks=searches,
)
def a_search_lowers_the_loss(search: DrawnScores) -> Drawn:
    """A search for hyperparameters lowers the validation loss."""
    return search.cell(SEARCH, SEARCH, "lower_by")


@PAPER.claim(
    figure="Fig. S6",
    study="hyperparameter_study",
    statistic="hard Dice on all test sets, best recipe minus usual one",
    holds=SAME,
    networks=by_recipe,
)
def a_search_changes_little(study: DrawnScores) -> Drawn:
    """On unseen images, and on those of other kinds, the recipe found does no better or worse."""
    best, own = study.only(recipe="best"), study.only(recipe="own")
    pairs = [(train, test) for train in study.sets() for test in study.tested()]
    return mean([best.cell(*pair) - own.cell(*pair) for pair in pairs])


# Networks that others trained, on simulated images


@PAPER.claim(
    figure="Fig. 3d",
    study="referee",
    statistic="hard Dice of networks of the highest dose, there minus at the lowest dose",
    holds=at_least(0.1),
)
def high_dose_fails_at_low_in_simulation(study: DrawnScores) -> Drawn:
    """Published networks of the highest dose fail at the lowest in simulated images, too."""
    return loss_from_high_to_low_dose(study)


@PAPER.claim(
    figure="Fig. 3d",
    study="referee",
    statistic="hard Dice on simulated images of the dose of training",
    holds=at_least(SEGMENTED),
)
def own_dose_in_simulation(study: DrawnScores) -> Drawn:
    """Published networks segment simulated images of their own dose."""
    return study.own()


_ABOVE_ONE = (1.1, 10.0)


def _by_dose(study: DrawnScores) -> list[tuple[str, str]]:
    """All pairs of sets, higher dose first."""
    doses = study.median(DOSE, study.sets())
    return [(high, low) for high, low in study.pairs() if doses[high] > doses[low]]


def _home_and_lowest(noise: DrawnScores) -> tuple[str, str]:
    """The highest dose that noise was added to in training, and the lowest that was tested."""
    doses = noise.median(DOSE, noise.tested())
    return max(noise.sets(), key=doses.__getitem__), min(doses, key=doses.__getitem__)


def _gain(
    noise: DrawnScores,
    train_set: str,
    test_set: str,
    *,
    rho: tuple[float, float],
    noise_mode: str = "fixed",
    noisy_test: bool = False,
) -> Drawn:
    """Change of hard Dice by noise in training."""
    without = noise.only(rho=0, noisy_test=False).cell(train_set, test_set)
    noisy = noise.only(rho=rho, noise_mode=noise_mode, noisy_test=noisy_test)
    return noisy.cell(train_set, test_set) - without
