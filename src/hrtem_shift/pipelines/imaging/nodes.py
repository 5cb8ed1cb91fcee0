"""Nodes of the imaging study: conditions, mixtures, and what shift says of scores."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from hrtem_shift.errors import InputError, RunEnds
from hrtem_shift.pipelines.annotations import DataFrame, Figure
from hrtem_shift.pipelines.imaging.parameters import (
    MIXTURES,
    ImagingStudy,
    label_of,
    name_of,
)
from hrtem_shift.pipelines.simulation.parameters import SimulatedSet, Simulation
from hrtem_shift.structures.quantities import limits, options

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hrtem_shift.microscope.conditions import ImagingConditions
    from hrtem_shift.shift.criteria import StructureControl

logger = logging.getLogger(__name__)


def choose_conditions(simulation: Simulation, study: ImagingStudy) -> Simulation:
    """The template's scenes under every condition, and other lattices under one.

    Raises
    ------
    InputError
        There is no such template, or a condition is impossible for it.
    RunEnds
        It is a dry run: the message says what the study would cost.
    """
    from pydantic import ValidationError

    if study.template not in simulation.data_sets:
        raise InputError(
            f"there is no simulated set '{study.template}'",
            where="imaging_study.template",
            why="Its scenes are imaged under every condition",
            fix="Name a set of simulation.data_sets",
        )
    template = simulation.data_sets[study.template]
    template = template.model_copy(update={"scenes_from": study.template})
    try:
        sets = {name: _under(template, one) for name, one in study.conditions.items()}
        sets |= {
            name: _under(_of(template, material), study.control)
            for name, material in study.lattices.items()
        }
    except ValidationError as error:
        raise InputError(
            error.errors()[0]["msg"],
            where="imaging_study.train or unseen",
            why="No image can be made under such a condition",
            fix="Change the condition",
        ) from error
    if study.dry_run:
        from hrtem_shift.pipelines.imaging.cost import cost_of

        raise RunEnds(cost_of(study, template))
    return simulation.model_copy(update={"data_sets": sets})


def _under(template: SimulatedSet, condition: dict[str, float]) -> SimulatedSet:
    fields = template.model_dump()
    fields["imaging"] |= condition
    return SimulatedSet.model_validate(fields)


def _of(template: SimulatedSet, material: str) -> SimulatedSet:
    """Scenes of their own, of another material."""
    fields = template.model_dump()
    fields["scene"]["particles"]["material"] = [material]
    return SimulatedSet.model_validate({**fields, "scenes_from": None})


def conditions_of(study: ImagingStudy, simulation: Simulation) -> dict[str, ImagingConditions]:
    """Name -> all fields of each condition; what the template draws stands at its middle."""
    from hrtem_shift.microscope.conditions import ImagingConditions

    drawn = simulation.data_sets[study.template].imaging
    common = {name: _middle(quantity) for name, quantity in drawn.items()}
    return {name: ImagingConditions(**{**common, **own}) for name, own in study.conditions.items()}


def _middle(quantity: Any) -> float | None:
    return None if quantity is None else sum(limits(quantity)) / 2


def propose_mixtures(study: ImagingStudy, simulation: Simulation) -> DataFrame:
    """Images of each condition in the proposed and in the even mixture; no score is known yet.

    Returns
    -------
    DataFrame
        mixture, condition, images, coverage (of all conditions alike), best_possible; empty
        where the study has no design.
    """
    import numpy as np
    import pandas as pd

    from hrtem_shift.shift.design import propose_mixture
    from hrtem_shift.shift.overlap import transfer_overlap

    columns = ["mixture", "condition", "images", "coverage", "best_possible"]
    if study.design is None:
        return pd.DataFrame(columns=columns)
    conditions = conditions_of(study, simulation)
    lenses = list(conditions.values())
    candidates = list(study.trained)
    overlap = transfer_overlap(lenses[: len(candidates)], lenses, study.measure)
    target = np.full(len(lenses), 1 / len(lenses))
    found = propose_mixture(overlap, target, study.design.images, study.design.least_images)
    rows = [
        (name, condition, int(images), mixture.coverage, found.best_possible)
        for name, mixture in zip(MIXTURES, (found.proposed, found.uniform), strict=True)
        for condition, images in zip(candidates, mixture.images, strict=True)
        if images
    ]
    return pd.DataFrame(rows, columns=columns)


def add_mixtures(inventory: DataFrame, mixtures: DataFrame) -> DataFrame:
    """The inventory with the mixtures as further data sets: scenes dealt out to conditions.

    Raises
    ------
    InputError
        A mixture asks for more images than there are scenes.
    """
    import pandas as pd

    tables = [inventory]
    for mixture, rows in mixtures.groupby("mixture", sort=False):
        first = 0
        for condition, images in zip(rows["condition"], rows["images"], strict=True):
            scenes = inventory[inventory["data_set"] == condition]
            if first + images > len(scenes):
                raise InputError(
                    f"{rows['images'].sum()} images of {len(scenes)} scenes",
                    where="imaging_study.design.images",
                    why="A mixture shows each scene once",
                    fix="Ask for fewer images, or simulate more scenes",
                )
            part = scenes.iloc[first : first + images]
            tables.append(part.assign(data_set=mixture))
            first += images
    return pd.concat(tables, ignore_index=True)


def relate_to_shift(
    scores: DataFrame, data_sets: DataFrame, study: ImagingStudy, simulation: Simulation
) -> tuple[DataFrame, DataFrame, DataFrame, DataFrame]:
    """Hold measured Dice against every measure of similarity.

    Returns
    -------
    cells : DataFrame
        train_set, test_set, overlap (magnitude), hard_dice (median over networks), n.
    relation : DataFrame
        One row a measure or baseline: `hrtem_shift.shift.criteria.compare_measures`.
    verdict : DataFrame
        The criteria: `hrtem_shift.shift.criteria.apply_criteria`.
    summary : DataFrame
        quantity, value, low, high: ceiling of the seeds, and shares of the variance of logit
        Dice (mixed model).
    """
    import numpy as np
    import pandas as pd

    from hrtem_shift.evaluation.scoring import plain_scores
    from hrtem_shift.shift.baselines import DEFOCUS_DISTANCE, baselines, image_distance
    from hrtem_shift.shift.criteria import apply_criteria, compare_measures
    from hrtem_shift.shift.mixed_model import shift_model
    from hrtem_shift.shift.overlap import OVERLAP_FEATURES, transfer_overlap
    from hrtem_shift.shift.rank_correlation import split_half_ceiling
    from hrtem_shift.shift.score_matrix import score_matrix
    from hrtem_shift.shift.transfer import transfer_power

    names, rows = list(study.conditions), np.arange(len(study.trained))
    columns = np.arange(len(names))
    lenses = list(conditions_of(study, simulation).values())
    plain = plain_scores(scores, study.seeds)
    measured = score_matrix(plain, names[: len(rows)], names)
    power = transfer_power(lenses, study.measure)
    looks = data_sets.set_index("data_set").loc[names, ["contrast", "roughness"]]
    similarities = {
        str(kind): transfer_overlap(lenses, lenses, study.measure, kind)
        for kind in OVERLAP_FEATURES
    }
    similarities |= baselines(lenses, power, image_distance(looks))
    unseen = np.where(measured.seen, np.nan, measured.median)
    relation = compare_measures(
        {name: matrix[: len(rows)] for name, matrix in similarities.items()},
        unseen,
        seed=study.seed,
    )
    conclusion = apply_criteria(
        similarities["magnitude"],
        similarities[DEFOCUS_DISTANCE],
        measured.median,
        rows,
        columns,
        _control(plain, study),
        seed=study.seed,
    )
    for sentence in conclusion.sentences:
        logger.info("%s", sentence)
    overlap = similarities["magnitude"][: len(rows)]
    ceiling = split_half_ceiling(measured.by_network, seed=study.seed)
    model = shift_model(overlap, unseen, power)
    summary = [("split-half ceiling of the seeds", ceiling.value, ceiling.low, ceiling.high)]
    summary += [
        (f"variance of logit Dice: {name.replace('_', ' ')}", share, np.nan, np.nan)
        for name, share in model.shares._asdict().items()
    ]
    return (
        _cells(measured.train_sets, measured.test_sets, overlap, measured.median, measured.n),
        relation,
        conclusion.criteria.assign(claim=conclusion.claim),
        pd.DataFrame(summary, columns=["quantity", "value", "low", "high"]),
    )


def _cells(
    train: tuple[str, ...],
    test: tuple[str, ...],
    overlap: NDArray[np.float64],
    dice: NDArray[np.float64],
    n: NDArray[np.int64],
) -> DataFrame:
    import pandas as pd

    rows = [
        (row, column, overlap[i, j], dice[i, j], n[i, j])
        for i, row in enumerate(train)
        for j, column in enumerate(test)
    ]
    return pd.DataFrame(rows, columns=["train_set", "test_set", "overlap", "hard_dice", "n"])


def _control(plain: DataFrame, study: ImagingStudy) -> StructureControl | None:
    """Other lattices under the transfer of the control: every overlap is 1."""
    import numpy as np

    from hrtem_shift.shift.criteria import structure_control
    from hrtem_shift.shift.score_matrix import score_matrix

    if not study.structures:
        return None
    names = [name_of(study.control, study.template), *study.lattices]
    dice = score_matrix(plain, names, names).median
    return structure_control(np.ones_like(dice), dice, seed=study.seed)


def judge_design(scores: DataFrame, mixtures: DataFrame, study: ImagingStudy) -> DataFrame:
    """Mean Dice over all conditions of networks of each mixture, beside its coverage.

    Returns
    -------
    DataFrame
        mixture (or ``best single condition``, chosen by coverage), coverage, hard_dice, low and
        high (range over networks), n_networks; empty where the study has no design.
    """
    import pandas as pd

    from hrtem_shift.evaluation.scoring import plain_scores

    plain = plain_scores(scores, study.seeds)
    tested = plain[plain["test_set"].isin(study.conditions)]
    rows = []
    for mixture, parts in mixtures.groupby("mixture", sort=False):
        own = tested[tested["train_set"] == mixture].groupby("run_id")["hard_dice"].mean()
        coverage, best = parts["coverage"].iloc[0], parts["best_possible"].iloc[0]
        rows.append((mixture, coverage, best, own.mean(), own.min(), own.max(), len(own)))
    columns = ["mixture", "coverage", "best_possible", "hard_dice", "low", "high", "n_networks"]
    return pd.DataFrame(rows, columns=columns)


def draw_conditions(study: ImagingStudy, simulation: Simulation) -> tuple[Figure, Figure]:
    """Transfer functions and Thon rings of the first conditions."""
    from hrtem_shift.figures.thon_rings import thon_rings_figure
    from hrtem_shift.figures.transfer_functions import transfer_functions_figure
    from hrtem_shift.shift.transfer import transfer_curves, transfer_power

    shown = dict(list(conditions_of(study, simulation).items())[:MOST_DRAWN])
    named = {label_of(study.conditions[name]): one for name, one in shown.items()}
    power = dict(zip(named, transfer_power(list(named.values()), study.measure), strict=True))
    band = study.measure.q_min_per_nm, study.measure.q_max_per_nm
    curves = transfer_curves(named, study.measure)
    planes = _planes(simulation.data_sets[study.template], narrowest_nm=1 / band[1])
    return (
        transfer_functions_figure(curves, planes, band, power),
        thon_rings_figure(named, study.measure, planes),
    )


MOST_DRAWN = 12


def _planes(template: SimulatedSet, narrowest_nm: float) -> dict[str, float]:
    """Name of lattice planes of the specimen -> spacing, nm."""
    from hrtem_shift.microscope.lattice_planes import strongest_spacings
    from hrtem_shift.structures.crystals import CRYSTALS

    material = options(template.scene.particles.material)[0]
    spacings_nm = strongest_spacings(CRYSTALS[material], narrowest_nm)
    return {f"{material.split('_')[0]} {name}": one for name, one in spacings_nm.items()}


def draw_relation(cells: DataFrame, study: ImagingStudy) -> tuple[Figure, Figure]:
    """Overlap beside Dice, and Dice against overlap."""
    from hrtem_shift.figures.dice_against_shift import dice_against_shift_figure
    from hrtem_shift.figures.overlap_matrix import overlap_matrix_figure

    labels = {name: label_of(one) for name, one in study.conditions.items()}
    return overlap_matrix_figure(cells, labels), dice_against_shift_figure(cells, labels)


def write_imaging_report(
    study: ImagingStudy,
    cells: DataFrame,
    relation: DataFrame,
    verdict: DataFrame,
    summary: DataFrame,
    mixtures: DataFrame,
    design: DataFrame,
    data_sets: DataFrame,
    networks: DataFrame,
    inventory: DataFrame,
    left_out: DataFrame,
    transfer_png: bytes,
    rings_png: bytes,
    matrix_png: bytes,
    relation_png: bytes,
) -> str:
    """One self-contained page on shift."""
    from hrtem_shift.figures.report import FigureBlock, TableBlock, render_report
    from hrtem_shift.figures.shift_answer import shift_answer
    from hrtem_shift.pipelines.reporting.evidence import network_blocks, versions, what_was_run

    return render_report(
        title="Imaging study",
        question=study.question,
        answer=shift_answer(cells, relation, verdict, summary, design),
        what_was_run=what_was_run(study, networks, inventory, left_out),
        blocks=[
            FigureBlock("Overlap of transfer beside Dice", matrix_png, _MATRIX),
            FigureBlock("Dice against overlap", relation_png, _RELATION),
            FigureBlock("Transfer functions", transfer_png, _TRANSFER),
            FigureBlock("Thon rings", rings_png, _RINGS),
            TableBlock("Verdict", verdict, _VERDICT, "verdict.csv"),
            TableBlock("Measures side by side", relation, _MEASURES, "relation.csv"),
            TableBlock("Ceiling and variance", summary, _SUMMARY, "summary.csv"),
            TableBlock("Design", design, _DESIGN, "design.csv"),
            TableBlock("Mixtures", mixtures, "Images of each condition.", "mixtures.csv"),
            TableBlock("Cells", cells, "One row a pair of conditions.", "cells.csv"),
            TableBlock("Data sets", data_sets, "Medians over micrographs.", "data_sets.csv"),
            *network_blocks(networks),
        ],
        limits=_LIMITS,
        command="kedro run --pipeline=imaging_study",
        versions=versions(),
    )


_MATRIX = (
    "Rows: condition of training. Columns: condition of the test, always of scenes that the "
    "network has not seen. The overlap is a reconstruction, not the formula of the paper."
)
_RELATION = "One point a pair of conditions, with the isotonic fit, and its residuals below."
_TRANSFER = "Phase contrast transfer with envelopes, and the specimen's strongest lattice spacings."
_RINGS = "Squared transfer over the plane of frequencies; circles: the specimen's lattice."
_VERDICT = "Criteria that were written before the study was run: docs/shift.md."
_MEASURES = (
    "Spearman's correlation within rows (median), with intervals over rows and columns, and what "
    "it gains over the difference of defocus; R² of isotonic fits, in sample and held out."
)
_SUMMARY = (
    "The ceiling is the correlation of two halves of the seeds: no measure can be asked for more. "
    "Shares of variance are of a mixed model."
)
_DESIGN = (
    "Mean hard Dice over all conditions, of networks trained on a mixture; proposed by directed "
    "coverage before any network was trained. Range over networks."
)
_LIMITS = (
    "The measures are reconstructions: the formulas of arXiv 2512.09067 are not known to us.",
    "Simulated particles on amorphous carbon; what a real microscope adds is not tested.",
    "A condition's draws (such as the spread of defocus) stand at their middle in the measure.",
    "Networks of a row share training images: intervals over rows and columns say what other "
    "conditions might give, not what other scenes might.",
)
