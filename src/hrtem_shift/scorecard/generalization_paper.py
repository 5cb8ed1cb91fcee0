"""Claims of arXiv 2306.11853: generalization across experimental parameters."""

from __future__ import annotations

from functools import partial

import numpy as np

from hrtem_shift.scorecard.bootstrap_scores import BootstrapScores, Replicates, mean
from hrtem_shift.scorecard.claims import AllowedRange, Paper, at_least, at_most
from hrtem_shift.scorecard.findings import SEARCH, by_recipe, searches

PAPER = Paper(
    "arXiv 2306.11853",
    "Generalization across experimental parameters in neural network analysis of "
    "high-resolution transmission electron microscopy datasets",
)
preparation = partial(PAPER.claim, study="rescaling_study")
sessions = partial(PAPER.claim, study="session_study")
magnification = partial(PAPER.claim, study="magnification_study")
dose = partial(PAPER.claim, study="dose_study")
size = partial(PAPER.claim, study="size_study")
material = partial(PAPER.claim, study="material_study")
search = partial(PAPER.claim, study="hyperparameter_study", networks=searches)
recipe = partial(PAPER.claim, study="hyperparameter_study", networks=by_recipe)
simulation = partial(PAPER.claim, study="referee")

DOSE, PIXEL, DIAMETER = "dose_e_per_A2", "pixel_size_nm", "diameter_nm"

SEGMENTED = 0.8
"""The lowest hard Dice that the paper prints for networks on their own kind of image is 0.81."""
MATTERS = 0.05
"""Loss of hard Dice that counts: about twice the standard deviation between folds, 0.027."""
SAME = AllowedRange(-0.02, 0.02)
"""Differences of hard Dice below the standard deviation between folds."""


# Preparation


@preparation(
    "Text, section 2", "hard Dice on unseen patches, standardized minus histogram", at_least(0)
)
def standardizing_beats_histogram(study: BootstrapScores) -> Replicates:
    """Standardized images give better networks than images with stretched histograms."""
    return (
        study.select(variant="standardize").own_set() - study.select(variant="histogram").own_set()
    )


@preparation(
    "Text, section 2",
    "hard Dice on unseen patches, worse of standardized and histogram minus normalized",
    at_least(0),
)
def normalizing_is_worst(study: BootstrapScores) -> Replicates:
    """Images normalized to their extremes give the worst networks."""
    others = [study.select(variant=name).own_set() for name in ("standardize", "histogram")]
    return np.minimum(*others) - study.select(variant="normalize").own_set()


@preparation(
    "Text, section 2",
    "hard Dice on training minus unseen patches, normalized minus standardized",
    at_least(0),
)
def standardizing_narrows_the_gap(study: BootstrapScores) -> Replicates:
    """Networks of standardized images differ least between training and unseen patches."""

    def gap(variant: str) -> Replicates:
        networks = study.select(variant=variant)
        return networks.own_set(on_training=True) - networks.own_set()

    return gap("normalize") - gap("standardize")


# Sessions


@sessions("Fig. 2c", "loss of hard Dice on other sessions, as recorded", at_least(MATTERS))
def sessions_differ_as_recorded(study: BootstrapScores) -> Replicates:
    """Without a flat field, networks fail on images of other days at the microscope."""
    return study.select(variant="as_recorded").generalization_gap()


@sessions("Fig. 2d", "loss of hard Dice on other sessions, with flat field", at_most(MATTERS))
def flat_field_joins_sessions(study: BootstrapScores) -> Replicates:
    """With a flat field, networks generalize across days."""
    return study.select(variant="flat_field").generalization_gap()


@sessions("Fig. 2c,d", "half of the loss as recorded, minus the loss with flat field", at_least(0))
def flat_field_halves_the_loss(study: BootstrapScores) -> Replicates:
    """The flat field takes away most of what is lost between days."""
    as_recorded, flat = (study.select(variant=name) for name in ("as_recorded", "flat_field"))
    return as_recorded.generalization_gap() / 2 - flat.generalization_gap()


@sessions("Fig. 2c,d", "hard Dice on the own session, with flat field minus as recorded", SAME)
def flat_field_keeps_the_diagonal(study: BootstrapScores) -> Replicates:
    """The flat field changes nothing on a network's own day."""
    return (
        study.select(variant="flat_field").own_set() - study.select(variant="as_recorded").own_set()
    )


# Magnification


@magnification("Fig. 3b", "hard Dice at the own pixel size", at_least(SEGMENTED))
def own_magnification(study: BootstrapScores) -> Replicates:
    """Networks segment images of their own magnification."""
    return study.own_set()


@magnification("Fig. 3b, abstract", "loss of hard Dice at other pixel sizes", at_least(MATTERS))
def magnifications_differ(study: BootstrapScores) -> Replicates:
    """Networks are not robust across magnifications."""
    return study.generalization_gap()


@magnification(
    "Fig. 3b", "slope of hard Dice against |log2 of the ratio of pixel sizes|", at_most(0)
)
def dice_falls_with_scale(study: BootstrapScores) -> Replicates:
    """The further apart two magnifications are, the more is lost."""
    return study.slope(PIXEL)


@magnification(
    "Fig. 3b",
    "hard Dice, trained at the largest pixel size and tested at the smallest",
    at_most(0.5),
)
def coarse_fails_on_fine(study: BootstrapScores) -> Replicates:
    """Networks of the coarsest pixels are extremely poor on the finest."""
    coarsest, *_, finest = study.sorted_descending(PIXEL)
    return study.cell(coarsest, finest)


# Dose


@dose("Fig. 3d", "hard Dice at the own dose", at_least(SEGMENTED))
def own_dose(study: BootstrapScores) -> Replicates:
    """Networks segment images of their own dose."""
    return study.own_set()


@dose("Fig. 3d", "hard Dice at the own dose, highest minus lowest dose", at_least(0))
def low_dose_is_harder(study: BootstrapScores) -> Replicates:
    """The lower the dose, the harder the images, even for networks trained on them."""
    highest, *_, lowest = study.sorted_descending(DOSE)
    return study.cell(highest, highest) - study.cell(lowest, lowest)


@dose("Fig. 3d, abstract", "loss of hard Dice at other doses", at_least(MATTERS))
def doses_differ(study: BootstrapScores) -> Replicates:
    """Networks are not robust across doses."""
    return study.generalization_gap()


def loss_from_high_to_low_dose(study: BootstrapScores) -> Replicates:
    """Hard Dice of networks of the highest dose, there minus at the lowest."""
    highest, *_, lowest = study.sorted_descending(DOSE)
    return study.cell(highest, highest) - study.cell(highest, lowest)


@dose(
    "Fig. 3d",
    "hard Dice of networks of the highest dose, there minus at the lowest dose",
    at_least(0.1),
)
def high_dose_fails_at_low(study: BootstrapScores) -> Replicates:
    """Networks of the highest dose fail at the lowest."""
    return loss_from_high_to_low_dose(study)


@dose(
    "Fig. 5, ρ = 0",
    "hard Dice of networks of the highest dose, there minus at the second highest",
    at_most(0.1),
)
def medium_dose_is_borne(study: BootstrapScores) -> Replicates:
    """At half of the dose, networks of the highest dose lose little."""
    highest, second, *_ = study.sorted_descending(DOSE, at_least=3)
    return study.cell(highest, highest) - study.cell(highest, second)


@dose("Fig. 3d", "hard Dice from lowest to highest dose, minus from highest to lowest", at_least(0))
def low_to_high_is_easier(study: BootstrapScores) -> Replicates:
    """From high to low dose networks go worse than from low to high."""
    highest, *_, lowest = study.sorted_descending(DOSE)
    return study.cell(lowest, highest) - study.cell(highest, lowest)


@dose(
    "Fig. S4",
    "predicted area over true area, minus 1 [%], mean over tests at a higher dose",
    at_least(0),
)
def higher_dose_is_oversegmented(study: BootstrapScores) -> Replicates:
    """At a dose above that of training, networks oversegment."""
    return mean([study.cell(low, high, "area_bias_percent") for high, low in _by_dose(study)])


@dose(
    "Fig. S4",
    "predicted area over true area, minus 1 [%], mean over tests at a lower dose",
    at_most(0),
)
def lower_dose_is_undersegmented(study: BootstrapScores) -> Replicates:
    """At a dose below that of training, networks undersegment."""
    return mean([study.cell(high, low, "area_bias_percent") for high, low in _by_dose(study)])


# Particle size


@size("Fig. 4b, S6", "hard Dice on the own size", at_least(SEGMENTED))
def own_size(study: BootstrapScores) -> Replicates:
    """Networks segment particles of the size that they were trained on."""
    return study.own_set()


@size("Fig. 4b, S6, abstract", "loss of hard Dice on other sizes", at_most(MATTERS))
def sizes_are_alike(study: BootstrapScores) -> Replicates:
    """Networks generalize across particle sizes."""
    return study.generalization_gap()


@size(
    "Fig. 4b, S6",
    "hard Dice on all larger sizes minus on the smallest, mean over training sets",
    at_least(0),
)
def smallest_is_hardest(study: BootstrapScores) -> Replicates:
    """The smallest particles are the hardest test, whatever a network was trained on."""
    *larger, smallest = study.sorted_descending(DIAMETER)
    return mean(
        [
            mean([study.cell(train, test) for test in larger]) - study.cell(train, smallest)
            for train in study.sets()
        ]
    )


@size(
    "Fig. 4b, S6",
    "hard Dice on all but the smallest size: trained on the smallest minus on those",
    AllowedRange(-0.05, 0.05),
)
def larger_sizes_are_alike(study: BootstrapScores) -> Replicates:
    """On the larger particles networks of all sizes do equally well."""
    *larger, smallest = study.sorted_descending(DIAMETER, at_least=3)
    of_larger = mean([study.cell(train, test) for train in larger for test in larger])
    return mean([study.cell(smallest, test) for test in larger]) - of_larger


# Material


@material(
    "Fig. 4d",
    "hard Dice, trained at second highest contrast and tested at the highest",
    at_least(SEGMENTED),
)
def metals_are_alike(study: BootstrapScores) -> Replicates:
    """Networks of another metal are good on the one of most contrast (silver on gold)."""
    strongest, second, *_ = study.sorted_descending("contrast", at_least=3)
    return study.cell(second, strongest)


@material(
    "Fig. 4d", "hard Dice, trained at the lowest contrast and tested at the highest", at_least(0.7)
)
def weak_contrast_is_decent_on_strong(study: BootstrapScores) -> Replicates:
    """Networks of the material of least contrast are decent on that of most (CdSe on gold)."""
    strongest, *_, weakest = study.sorted_descending("contrast")
    return study.cell(weakest, strongest)


@material(
    "Fig. 4d",
    "hard Dice on the own material, highest contrast minus mean of the others",
    at_least(0),
)
def weak_contrast_is_harder(study: BootstrapScores) -> Replicates:
    """Materials of less contrast are harder even for networks trained on them."""
    strongest, *weaker = study.sorted_descending("contrast")
    return study.cell(strongest, strongest) - mean([study.cell(name, name) for name in weaker])


# Hyperparameters


@search(
    "Fig. S6, search notebook",
    "part by which the lowest validation loss lies below that of the usual recipe",
    at_least(0.05),
)
def a_search_lowers_the_loss(search: BootstrapScores) -> Replicates:
    """A search for hyperparameters lowers the validation loss."""
    return search.cell(SEARCH, SEARCH, "lower_by")


@recipe("Fig. S6", "hard Dice on all test sets, best recipe minus usual one", SAME)
def a_search_changes_little(study: BootstrapScores) -> Replicates:
    """On unseen images, and on those of other kinds, the recipe found does no better or worse."""
    best, usual = study.select(recipe="best"), study.select(recipe="own")
    pairs = [(train, test) for train in study.sets() for test in study.tested()]
    return mean([best.cell(*pair) - usual.cell(*pair) for pair in pairs])


# Networks that others trained, on simulated images


@simulation(
    "Fig. 3d",
    "hard Dice of networks of the highest dose, there minus at the lowest dose",
    at_least(0.1),
)
def high_dose_fails_at_low_in_simulation(study: BootstrapScores) -> Replicates:
    """Published networks of the highest dose fail at the lowest in simulated images, too."""
    return loss_from_high_to_low_dose(study)


@simulation("Fig. 3d", "hard Dice on simulated images of the dose of training", at_least(SEGMENTED))
def own_dose_in_simulation(study: BootstrapScores) -> Replicates:
    """Published networks segment simulated images of their own dose."""
    return study.own_set()


def _by_dose(study: BootstrapScores) -> list[tuple[str, str]]:
    """All pairs of sets, higher dose first."""
    doses = study.median(DOSE, study.sets())
    return [(high, low) for high, low in study.pairs() if doses[high] > doses[low]]
