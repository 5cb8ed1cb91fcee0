"""Claims of arXiv 2309.06122: networks for real images, trained on simulated ones alone."""

from __future__ import annotations

from functools import partial

from hrtem_shift.scorecard.bootstrap_scores import BootstrapScores, Replicates, mean
from hrtem_shift.scorecard.claims import Measure, Paper, at_least
from hrtem_shift.scorecard.findings import Undecided
from hrtem_shift.scorecard.generalization_paper import MATTERS, SEGMENTED

PAPER = Paper(
    "arXiv 2309.06122",
    "A robust synthetic data generation framework for machine learning in high-resolution "
    "transmission electron microscopy",
)
fidelity = partial(PAPER.claim, study="fidelity_study")
size = partial(PAPER.claim, study="size_study")
material = partial(PAPER.claim, study="material_study")
imaging = partial(PAPER.claim, study="imaging_study")

LEAST_GAIN = 0.02
"""Hard Dice that an ingredient of the simulation must be worth: about the standard deviation
between folds that the sister study prints (arXiv 2306.11853)."""


@fidelity(
    "Abstract", "hard Dice on recorded images, trained on the full simulation", at_least(SEGMENTED)
)
def simulation_suffices(study: BootstrapScores) -> Replicates:
    """Networks trained on simulated images alone segment real ones."""
    return mean([study.cell(_trained(study, "full"), real) for real in _recorded(study)])


@fidelity(
    "Abstract",
    "hard Dice on recorded images, full simulation minus mean of the lacking ones",
    at_least(0),
)
def fidelity_helps_on_real_images(study: BootstrapScores) -> Replicates:
    """The more faithful the simulation, the better its networks on real images."""
    full, real = _trained(study, "full"), _recorded(study)
    lacking = [name for name in study.rows["train_set"].unique() if name != full]
    worse = [study.cell(name, test) for name in lacking for test in real]
    return mean([study.cell(full, test) for test in real]) - mean(worse)


@fidelity("Abstract", "hard Dice on unseen images of the full simulation", at_least(SEGMENTED))
def own_simulation(study: BootstrapScores) -> Replicates:
    """Networks segment images of the full simulation that they were trained on."""
    full = _trained(study, "full")
    return study.cell(full, full)


def _value_of(lacking: str, thing: str) -> Measure:
    """Measure of the loss of Dice where a part of the simulation is left out."""

    def measure(study: BootstrapScores) -> Replicates:
        full, without = (_trained(study, name) for name in ("full", lacking))
        return mean([study.cell(full, test) - study.cell(without, test) for test in _others(study)])

    measure.__name__ = f"worth_of_{lacking}"
    measure.__doc__ = f"Fidelity counts: {thing} must be simulated."
    return measure


for _lacking, _thing in {
    "no_phonons": "thermal vibrations",
    "no_camera": "the camera's noise and point spread",
    "no_carbon": "the carbon support",
    "projection": "multiple scattering",
    "phase_label": "the rule of the labels",
}.items():
    fidelity(
        "Abstract",
        "hard Dice on images of which nothing was trained on, full simulation minus "
        f"{_lacking.replace('_', ' ')}",
        at_least(LEAST_GAIN),
    )(_value_of(_lacking, _thing))


@size("Abstract", "loss of hard Dice on other particle sizes", at_least(LEAST_GAIN))
def sizes_count(study: BootstrapScores) -> Replicates:
    """The distribution of atomic structures counts: size."""
    return study.generalization_gap()


@material("Abstract", "loss of hard Dice on other materials", at_least(LEAST_GAIN))
def materials_count(study: BootstrapScores) -> Replicates:
    """The distribution of atomic structures counts: material."""
    return study.generalization_gap()


@imaging("Abstract", "loss of hard Dice under other imaging conditions", at_least(MATTERS))
def conditions_count(study: BootstrapScores) -> Replicates:
    """The distribution of imaging conditions counts."""
    return study.generalization_gap()


def _trained(study: BootstrapScores, kind: str) -> str:
    """The training set of that name, or whose name ends with it."""
    for name in study.rows["train_set"].unique():
        if name == kind or name.endswith(f"_{kind}"):
            return str(name)
    raise Undecided(f"no network was trained on a set called {kind}")


def _others(study: BootstrapScores) -> list[str]:
    """Sets that no network was trained on."""
    trained = set(study.rows["train_set"])
    others = [name for name in study.tested() if name not in trained]
    if not others:
        raise Undecided("every test set was trained on, too")
    return others


def _recorded(study: BootstrapScores) -> list[str]:
    """Those of micrographs that were recorded, not simulated: they have no scene."""
    inventory = study.findings.other("inventory")
    simulated = set()
    if "scene_id" in inventory:
        simulated = set(inventory.loc[inventory["scene_id"].notna(), "data_set"])
    recorded = [name for name in _others(study) if name not in simulated]
    if not recorded:
        raise Undecided("no recorded images were tested")
    return recorded
