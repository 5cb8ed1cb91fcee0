"""Nodes of the imaging study: conditions, mixtures, and how scores relate to similarity."""

from __future__ import annotations

from hrtem_shift.errors import InputError, RunEnds
from hrtem_shift.pipelines.annotations import DataFrame, ExitWaveStore, Figure
from hrtem_shift.pipelines.imaging.conditions import (
    lattice_planes,
    of_material,
    study_conditions,
    study_covariates,
    under,
)
from hrtem_shift.pipelines.imaging.parameters import (
    MIXTURES,
    ImagingStudy,
    label_of,
    name_of,
)
from hrtem_shift.pipelines.simulation.parameters import Simulation


def choose_conditions(simulation: Simulation, study: ImagingStudy) -> Simulation:
    """The template's scenes under every condition, and other lattices under one.

    Raises
    ------
    InputError
        There is no such template, or a condition is impossible for it.
    RunEnds
        It is a dry run: the message is the cost of the study.
    """
    from pydantic import ValidationError

    if study.template not in simulation.data_sets:
        raise InputError(
            f"there is no simulated set '{study.template}'",
            where="template of the study",
            why="Its scenes are imaged under every condition",
            fix="Name a set of simulation.data_sets",
        )
    template = simulation.data_sets[study.template]
    template = template.model_copy(update={"scenes_from": study.template})
    try:
        sets = {name: under(template, condition) for name, condition in study.conditions.items()}
        sets |= {name: under(template, drawn) for name, drawn in study.drawn.items()}
        sets |= {
            name: under(of_material(template, material), study.control)
            for name, material in study.lattices.items()
        }
    except ValidationError as error:
        raise InputError(
            error.errors()[0]["msg"],
            where=f"{study.template}: train, unseen or distributions",
            why="No image can be made under such a condition",
            fix="Change the condition",
        ) from error
    if study.dry_run:
        from hrtem_shift.pipelines.simulation.cost import cost_of

        mixtures = MIXTURES if study.design else ()
        raise RunEnds(cost_of(study, sets | dict.fromkeys(mixtures, template)))
    return simulation.model_copy(update={"data_sets": sets})


def list_images(images: DataFrame, waves: ExitWaveStore) -> tuple[DataFrame, DataFrame]:
    """The inventory of images that are made on demand from stored waves: no file holds them.

    Returns
    -------
    inventory : DataFrame
        One row an image: what `hrtem_shift.micrographs.exposure.micrograph_on_demand` needs to
        make it, and made_of, which changes with everything that decides its pixels.
    left_out : DataFrame
        Empty: none may be left out.
    """
    import pandas as pd

    from hrtem_shift.fingerprints import fingerprint
    from hrtem_shift.microscope.imaging_distribution import used_fields

    columns = ["data_set", "micrograph", "group", "pixel_size_nm", *used_fields(images)]
    columns += ["scene", "image", "session", "seed", "coherence", "scene_id"]
    inventory = images[columns].assign(recorded_for=images["data_set"])
    rows = inventory.astype(str).to_dict("records")
    paths = [str(waves.path(scene_id)) for scene_id in images["scene_id"]]
    inventory = inventory.assign(made_of=[fingerprint(row) for row in rows], wave=paths)
    left_out = ["data_set", "micrograph", "what", "where", "why", "fix"]
    return inventory, pd.DataFrame(columns=left_out)


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
    conditions = study_conditions(study, simulation)
    lenses = list(conditions.values())
    candidates = list(study.trained)
    overlap = transfer_overlap(lenses[: len(candidates)], lenses, study.measure)
    target = np.full(len(lenses), 1 / len(lenses))
    design = propose_mixture(overlap, target, study.design.images, study.design.least_images)
    rows = [
        (name, condition, int(images), mixture.coverage, design.best_possible)
        for name, mixture in zip(MIXTURES, (design.proposed, design.uniform), strict=True)
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
                    where="design.images of the study",
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
    """Compare measured Dice with every measure of similarity: `hrtem_shift.shift.relation`.

    Returns
    -------
    cells, relation, verdict, summary : DataFrame
        As `hrtem_shift.shift.relation.Relation`.
    """
    from hrtem_shift.evaluation.scoring import plain_scores
    from hrtem_shift.shift.relation import relate

    conditions = study_conditions(study, simulation)
    looks = data_sets.set_index("data_set").loc[list(conditions), ["contrast", "roughness"]]
    return relate(
        plain_scores(scores, study.seeds),
        conditions,
        len(study.trained),
        looks,
        study.measure,
        _control(study),
        seed=study.seed,
    )


def decide_claims(
    scores: DataFrame,
    data_sets: DataFrame,
    inventory: DataFrame,
    mixtures: DataFrame,
    study: ImagingStudy,
    simulation: Simulation,
) -> tuple[DataFrame, DataFrame, DataFrame, DataFrame]:
    """Decide the registered claims on transfer and Dice: docs/evidence/transfer-claims.md.

    Returns
    -------
    claims, predictions, losses, distances : DataFrame
        As `hrtem_shift.shift.transfer_claims.TransferClaims`.
    """
    from hrtem_shift.evaluation.scoring import plain_scores
    from hrtem_shift.shift.transfer_claims import decide_transfer_claims

    return decide_transfer_claims(
        plain_scores(scores, study.seeds),
        study_conditions(study, simulation),
        study_covariates(study, simulation, inventory, mixtures, data_sets),
        len(study.trained),
        list(study.drawn),
        _control(study),
        seed=study.seed,
    )


def _control(study: ImagingStudy) -> list[str]:
    """Data sets that differ in their specimen alone; none where the study has no structures."""
    return [name_of(study.control, study.template), *study.lattices] if study.structures else []


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
        dice = tested[tested["train_set"] == mixture].groupby("run_id")["hard_dice"].mean()
        coverage, best = parts["coverage"].iloc[0], parts["best_possible"].iloc[0]
        rows.append((mixture, coverage, best, dice.mean(), dice.min(), dice.max(), len(dice)))
    columns = ["mixture", "coverage", "best_possible", "hard_dice", "low", "high", "n_networks"]
    return pd.DataFrame(rows, columns=columns)


def draw_conditions(study: ImagingStudy, simulation: Simulation) -> tuple[Figure, Figure]:
    """Transfer functions and Thon rings of the first conditions."""
    from hrtem_shift.figures.thon_rings import thon_rings_figure
    from hrtem_shift.figures.transfer_functions import transfer_functions_figure
    from hrtem_shift.shift.transfer import transfer_curves, transfer_power

    shown = dict(list(study_conditions(study, simulation).items())[:MOST_DRAWN])
    named = {label_of(study.conditions[name]): lens for name, lens in shown.items()}
    power = dict(zip(named, transfer_power(list(named.values()), study.measure), strict=True))
    band = study.measure.q_min_per_nm, study.measure.q_max_per_nm
    curves = transfer_curves(named, study.measure)
    planes = lattice_planes(simulation.data_sets[study.template], narrowest_nm=1 / band[1])
    return (
        transfer_functions_figure(curves, planes, band, power),
        thon_rings_figure(named, study.measure, planes),
    )


MOST_DRAWN = 12


def draw_relation(cells: DataFrame, study: ImagingStudy) -> tuple[Figure, Figure]:
    """Overlap beside Dice, and Dice against overlap."""
    from hrtem_shift.figures.dice_against_shift import dice_against_shift_figure
    from hrtem_shift.figures.overlap_matrix import overlap_matrix_figure

    labels = {name: label_of(condition) for name, condition in study.conditions.items()}
    return overlap_matrix_figure(cells, labels), dice_against_shift_figure(cells, labels)


def draw_claims(
    predictions: DataFrame, losses: DataFrame, distances: DataFrame
) -> tuple[Figure, Figure]:
    """Loss against distance along each axis, and predicted against measured Dice."""
    from hrtem_shift.figures.loss_against_distance import loss_against_distance_figure
    from hrtem_shift.figures.predicted_against_measured import predicted_against_measured_figure

    return (
        loss_against_distance_figure(losses, distances),
        predicted_against_measured_figure(predictions),
    )
