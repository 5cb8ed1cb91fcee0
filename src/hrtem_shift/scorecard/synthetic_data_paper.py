"""Claims of arXiv 2309.06122: networks for real images, trained on simulated ones alone."""

from __future__ import annotations

from hrtem_shift.scorecard.claims import Measure, Paper, at_least
from hrtem_shift.scorecard.drawn_scores import Drawn, DrawnScores, mean
from hrtem_shift.scorecard.generalization_paper import MATTERS, SEGMENTED
from hrtem_shift.scorecard.study_tables import Undecided

PAPER = Paper(
    "arXiv 2309.06122",
    "A robust synthetic data generation framework for machine learning in high-resolution "
    "transmission electron microscopy",
)

FULL = "full"
"""Training set of the fidelity study whose simulation lacks nothing."""
COUNTS = 0.02
"""Hard Dice that an ingredient of the simulation must be worth: about the standard deviation
between folds that the sister study prints (arXiv 2306.11853)."""


@PAPER.claim(
    figure="abstract",
    study="fidelity_study",
    statistic="hard Dice on real images, trained on the full simulation",
    holds=at_least(SEGMENTED),
)
def simulation_suffices(study: DrawnScores) -> Drawn:
    """Networks trained on simulated images alone segment real ones."""
    return mean([study.cell(FULL, real) for real in _real(study)])


@PAPER.claim(
    figure="abstract",
    study="fidelity_study",
    statistic="hard Dice on real images, full simulation minus mean of the lacking ones",
    holds=at_least(0),
)
def fidelity_helps_on_real_images(study: DrawnScores) -> Drawn:
    """The more faithful the simulation, the better its networks on real images."""
    lacking = [name for name in study.rows["train_set"].unique() if name != FULL]
    worse = [study.cell(name, real) for name in lacking for real in _real(study)]
    return mean([study.cell(FULL, real) for real in _real(study)]) - mean(worse)


@PAPER.claim(
    figure="abstract",
    study="fidelity_study",
    statistic="hard Dice on unseen images of the full simulation",
    holds=at_least(SEGMENTED),
)
def own_simulation(study: DrawnScores) -> Drawn:
    """Networks segment images of the full simulation that they were trained on."""
    return study.cell(FULL, FULL)


def _worth(lacking: str, thing: str) -> Measure:
    """Claim that something must be simulated: what networks lose where it was not."""

    def measure(study: DrawnScores) -> Drawn:
        return study.cell(FULL, FULL) - study.cell(lacking, FULL)

    measure.__name__ = f"worth_of_{lacking}"
    measure.__doc__ = f"Fidelity counts: {thing} must be simulated."
    return measure


for _lacking, _thing in {
    "no_phonons": "thermal vibrations",
    "no_mtf": "the camera's point spread",
    "no_carbon": "the carbon support",
    "projection": "multiple scattering",
    "outline_label": "the rule of the labels",
}.items():
    PAPER.claim(
        figure="abstract",
        study="fidelity_study",
        statistic=f"hard Dice on the full simulation, trained on it minus trained on {_lacking}",
        holds=at_least(COUNTS),
    )(_worth(_lacking, _thing))


@PAPER.claim(
    figure="abstract",
    study="size_study",
    statistic="loss of hard Dice on other particle sizes",
    holds=at_least(COUNTS),
)
def sizes_count(study: DrawnScores) -> Drawn:
    """The distribution of atomic structures counts: size."""
    return study.loss()


@PAPER.claim(
    figure="abstract",
    study="material_study",
    statistic="loss of hard Dice on other materials",
    holds=at_least(COUNTS),
)
def materials_count(study: DrawnScores) -> Drawn:
    """The distribution of atomic structures counts: material."""
    return study.loss()


@PAPER.claim(
    figure="abstract",
    study="imaging_study",
    statistic="loss of hard Dice under other imaging conditions",
    holds=at_least(MATTERS),
)
def conditions_count(study: DrawnScores) -> Drawn:
    """The distribution of imaging conditions counts."""
    return study.loss()


def _real(study: DrawnScores) -> list[str]:
    """Sets that no network was trained on."""
    trained = set(study.rows["train_set"])
    real = [name for name in study.tested() if name not in trained]
    if not real:
        raise Undecided("no real images were given")
    return real
