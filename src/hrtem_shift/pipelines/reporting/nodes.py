"""Nodes that make the examples and the reports of studies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hrtem_shift.pipelines.reporting.evidence import (
    left_out_blocks,
    network_blocks,
    preparation_blocks,
    versions,
    what_was_run,
)
from hrtem_shift.pipelines.study import Study
from hrtem_shift.preparation.variants import patch_set_name
from hrtem_shift.tables import rows_of
from hrtem_shift.training.executors import Compute

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

    from hrtem_shift.catalog.network_store import NetworkStore
    from hrtem_shift.figures.report import FigureBlock, TableBlock
else:
    DataFrame = Figure = NetworkStore = (
        Any  # Kedro resolves annotations at start; these come with a run
    )


@dataclass(frozen=True, eq=False)
class StudyTables:
    """What every study leaves: its tables, and its figures as PNG."""

    study: Study
    matrix: DataFrame
    gaps: DataFrame
    difficulty: DataFrame
    asymmetry: DataFrame
    comparisons: DataFrame
    data_sets: DataFrame
    networks: DataFrame
    inventory: DataFrame
    left_out: DataFrame
    matrix_pngs: dict[str, bytes]
    gaps_png: bytes
    examples_png: bytes
    preparation_png: bytes
    preparation_steps_png: bytes

    @property
    def simulated(self) -> bool:
        """Whether micrographs are simulated, at least some of them."""
        return "scene_id" in self.inventory

    @property
    def labels(self) -> dict[str, str]:
        """Data set -> what a reader calls it."""
        from hrtem_shift.figures.data_set_labels import labels_of

        return labels_of(self.data_sets, self.study.axis, self.study.labels)


def draw_examples(
    inventory: DataFrame,
    networks: DataFrame,
    matrix: DataFrame,
    study: Study,
    compute: Compute,
    store: NetworkStore,
) -> Figure:
    """Worst, median and best micrograph of the pair of sets with the lowest mean Dice.

    The network is the one of fold 0 and seed 0 of the first variant, trained without noise; the
    rule picks by hard Dice over the whole micrograph and is the same for every run.
    """
    import numpy as np

    from hrtem_shift.evaluation.dice import count_pixels, hard_dice
    from hrtem_shift.evaluation.whole_micrographs import segment
    from hrtem_shift.figures.examples import Example, examples_figure
    from hrtem_shift.networks.weights import network_from
    from hrtem_shift.training.devices import resolve_device, resolve_precision

    variant, preparation = next(iter(study.preparations().items()))
    cells = matrix[matrix["variant"].astype(object).fillna("") == variant]
    away = cells[cells["train_set"] != cells["test_set"]]
    worst = (away if len(away) else cells).sort_values("hard_dice", kind="stable").iloc[0]
    train_set, test_set = worst["train_set"], worst["test_set"]
    plain = networks[networks["train_set"] == patch_set_name(train_set, variant)]
    plain = plain[(plain["rho"] == 0) & (plain["fold"] == 0) & (plain["seed"] == 0)]
    network = network_from(store.weights(plain["run_id"].iloc[0]))
    device = resolve_device(compute.device)
    precision = resolve_precision(study.recipe, device)
    seen = []
    for row in rows_of(inventory[inventory["data_set"] == test_set]):
        one = segment(network, row, preparation, device=device, precision=precision)
        dice = float(hard_dice(count_pixels(one.mask[None], one.label[None])).iloc[0])
        seen.append((dice, one))
    order = np.argsort([dice for dice, _ in seen], kind="stable")
    chosen = {"worst": order[0], "median": order[len(order) // 2], "best": order[-1]}
    examples = []
    for rule, position in chosen.items():
        dice, one = seen[position]
        name, pixel_size_nm = one.micrograph.name, one.micrograph.pixel_size_nm
        title = f"{rule} of {len(seen)}: trained on {train_set}, tested on {name}"
        examples.append(Example(title, one.pixels, one.label, one.mask, pixel_size_nm, dice))
    return examples_figure(examples)


def report_writer(name: str) -> Callable[..., str]:
    """Function that writes the report of the study of that name."""

    def write_report(study: Study, *tables: Any) -> str:
        return _write_report(name, StudyTables(study, *tables))

    return write_report


def dose_report_writer(name: str) -> Callable[..., str]:
    """Function that writes the report of a study with noise augmentation."""

    def write_report(
        study: Study,
        scores: DataFrame,
        noise_curves: DataFrame,
        same_set_dice: DataFrame,
        noise_matching: DataFrame,
        noise_curves_pngs: dict[str, bytes],
        noise_matching_png: bytes,
        *tables: Any,
    ) -> str:
        noise = noise_curves, same_set_dice, noise_matching
        figures = noise_curves_pngs, noise_matching_png
        return _write_dose_report(name, StudyTables(study, *tables), scores, *noise, *figures)

    return write_report


def _write_report(name: str, found: StudyTables) -> str:
    """One self-contained page: the question, its answer in numbers, evidence and limits."""
    from hrtem_shift.figures.generalization_answer import generalization_answer

    return _page(
        name,
        found,
        answer=generalization_answer(
            found.matrix,
            found.gaps,
            found.difficulty,
            found.asymmetry,
            found.labels,
            found.study.axis,
        ),
        evidence=_matrices(found),
        more_tables=[],
        limits=[],
    )


def _write_dose_report(
    name: str,
    found: StudyTables,
    scores: DataFrame,
    noise_curves: DataFrame,
    same_set_dice: DataFrame,
    noise_matching: DataFrame,
    noise_curves_pngs: dict[str, bytes],
    noise_matching_png: bytes,
) -> str:
    """As `_write_report`, with what noise augmentation does."""
    from hrtem_shift.evaluation.scoring import plain_scores
    from hrtem_shift.figures.dose_answer import dose_answer, mismatch_answer
    from hrtem_shift.figures.doses import doses_of
    from hrtem_shift.figures.report import FigureBlock, TableBlock

    doses = doses_of(found.inventory)
    order = sorted(found.data_sets["data_set"], key=lambda name: -doses[name])
    plain = plain_scores(scores, found.study.seeds)
    curves = noise_curves[noise_curves["train_set"] == order[0]]
    curves_clean = curves[curves["mode"] != "same_noise"]
    noise_figures = [
        FigureBlock(
            f"Noise in the training on {found.labels[start]}", noise_curves_pngs[start], _CURVES
        )
        for start in dict.fromkeys(axis.train_set for axis in found.study.noise)
    ]
    return _page(
        name,
        found,
        answer=[
            *dose_answer(plain, curves_clean, order, doses),
            *mismatch_answer(curves, order[0], doses),
        ],
        evidence=[
            *_matrices(found),
            *noise_figures,
            FigureBlock("Noise that makes doses look alike", noise_matching_png, _MATCHING),
        ],
        more_tables=[
            TableBlock(
                "Beside the published numbers",
                compare_with_published(plain, curves_clean, doses, order[0]),
                _PUBLISHED_CAPTION + (_TRENDS_ONLY if found.simulated else ""),
                "published.csv",
            ),
            TableBlock("Noise curves", noise_curves, "One row a point.", "noise_curves.csv"),
            TableBlock(
                "Same-dose references", same_set_dice, "The dotted lines.", "same_set_dice.csv"
            ),
            TableBlock("Matching noise", noise_matching, _MATCHING_TABLE, "noise_matching.csv"),
        ],
        limits=NOISE_LIMITS,
    )


def _matrices(found: StudyTables) -> list[FigureBlock]:
    from hrtem_shift.figures.report import FigureBlock

    blocks = []
    for variant in found.study.preparations():
        title = f"Each set tested on each set, {variant.replace('_', ' ')}".removesuffix(", ")
        blocks.append(FigureBlock(title, found.matrix_pngs[variant], _MATRIX_CAPTION))
    return blocks


def _page(
    name: str,
    found: StudyTables,
    *,
    answer: Sequence[str],
    evidence: Sequence[FigureBlock],
    more_tables: Sequence[TableBlock],
    limits: Sequence[str],
) -> str:
    from hrtem_shift.figures.report import FigureBlock, TableBlock, render_report

    return render_report(
        title=name.replace("_", " ").capitalize(),
        question=found.study.question,
        answer=answer,
        what_was_run=what_was_run(found.study, found.networks, found.inventory, found.left_out),
        blocks=[
            *evidence,
            FigureBlock("At home and away", found.gaps_png, _GAPS_CAPTION),
            FigureBlock("What the network sees", found.examples_png, _EXAMPLES_CAPTION),
            *left_out_blocks(found.left_out),
            *preparation_blocks(found.preparation_png, found.preparation_steps_png),
            *more_tables,
            TableBlock("Data sets", found.data_sets, _DATA_SETS_CAPTION, "data_sets.csv"),
            TableBlock("Matrix", found.matrix, "One row a pair of sets.", "matrix.csv"),
            TableBlock("Gaps", found.gaps, _INTERVALS, "gaps.csv"),
            TableBlock("Difficulty", found.difficulty, _DIFFICULTY_CAPTION, "difficulty.csv"),
            TableBlock("Asymmetry", found.asymmetry, _ASYMMETRY_CAPTION, "asymmetry.csv"),
            TableBlock("Comparisons", found.comparisons, _COMPARISONS_CAPTION, "comparisons.csv"),
            *network_blocks(found.networks),
        ],
        limits=[*(SIMULATED_LIMITS if found.simulated else RECORDED_LIMITS), *limits, *LIMITS],
        command=f"kedro run --pipeline={name}",
        versions=versions(),
    )


def write_folds_report(
    folds: DataFrame,
    networks: DataFrame,
    inventory: DataFrame,
    left_out: DataFrame,
    folds_png: bytes,
    preparation_png: bytes,
    preparation_steps_png: bytes,
    study: Study,
) -> str:
    """One self-contained page on a cross-validation."""
    from hrtem_shift.figures.folds import folds_answer
    from hrtem_shift.figures.report import FigureBlock, TableBlock, render_report

    return render_report(
        title="Cross-validation",
        question="How well does a network that was trained on some of these micrographs segment "
        "the others?",
        answer=folds_answer(folds),
        what_was_run=what_was_run(study, networks, inventory, left_out),
        blocks=[
            FigureBlock("Each fold", folds_png, _FOLDS_CAPTION),
            *left_out_blocks(left_out),
            *preparation_blocks(preparation_png, preparation_steps_png),
            TableBlock("Folds", folds, "One row a network.", "folds.csv"),
            *network_blocks(networks),
        ],
        limits=FOLDS_LIMITS,
        command="kedro run --pipeline=cross_validation",
        versions=versions(),
    )


def compare_with_published(
    dose_matrix: DataFrame,
    noise_curves: DataFrame,
    doses: dict[str, float],
    high_dose_set: str,
) -> DataFrame:
    """Published hard Dice beside ours, where both have the same doses or the same rho."""
    import pandas as pd

    from hrtem_shift.evaluation.scoring import mean_and_std
    from hrtem_shift.figures.published import published_dose_anchors, published_noise_curves

    ours = mean_and_std(dose_matrix, ["train_set", "test_set"])
    ours["train"], ours["test"] = ours["train_set"].map(doses), ours["test_set"].map(doses)
    rows = []
    for anchor in rows_of(published_dose_anchors()):
        same = anchor["networks"] == "same_set_five_folds"
        train = anchor["dose_e_per_A2"] if same else doses[high_dose_set]
        if not same and anchor["dose_e_per_A2"] == doses[high_dose_set]:
            continue  # the published cell holds training patches
        cell = ours[(ours["train"] == train) & (ours["test"] == anchor["dose_e_per_A2"])]
        rows += [_beside(train, anchor, 0.0, "none", found) for found in rows_of(cell)]
    curves = noise_curves.assign(dose_e_per_A2=noise_curves["test_set"].map(doses))
    published = published_noise_curves()
    both = curves[curves["rho"] > 0].merge(published, on=["mode", "rho", "dose_e_per_A2"])
    for found in rows_of(both):
        rows.append(_beside(doses[high_dose_set], found, found["rho"], found["mode"], found))
    return pd.DataFrame(rows)


def _beside(
    train: float, published: dict[str, Any], rho: float, mode: str, ours: dict[str, Any]
) -> dict[str, Any]:
    return {
        "trained_at_e_per_A2": train,
        "tested_at_e_per_A2": published["dose_e_per_A2"],
        "noise": mode,
        "rho": rho,
        "published_hard_dice": published["hard_dice"],
        "confidence": published["confidence"],
        "our_hard_dice": ours["hard_dice_mean"],
        "our_std": ours["hard_dice_std"],
        "n_networks": ours["n_networks"],
    }


_MATRIX_CAPTION = (
    "Rows: training set. Columns: test set. On the diagonal a network is tested on the fold that "
    "it has not seen, elsewhere on the whole other set. Size bias: mean error of the diameters of "
    "detected particles that no border cuts, in whole micrographs."
)
_CURVES = (
    "Networks trained on patches x → (x + N(0, s)) / √(1 + s²). First: s = ρ, tested on clean "
    "patches. Then the control: tested on patches with the same noise, so that nothing is lost to "
    "a mismatch. Last, where it was run: s drawn from U(0, ρ) for each patch, tested on clean "
    "ones. Dotted: networks trained on the set that they are tested on."
)
_MATCHING = (
    "If noise helped by making one dose look like another, the best ρ would be where contrast or "
    "roughness of the noisy patches meet those of the other dose."
)
_MATCHING_TABLE = (
    "ρ at which a statistic of the noisy training patches meets that of a test set, beside the "
    "fixed ρ of the highest Dice, on clean patches and on patches with the same noise."
)
_GAPS_CAPTION = (
    "Mean hard Dice of networks on their own set and on the others; where sets differ in a "
    "number, beside it the loss against the ratio of the two."
)
_DATA_SETS_CAPTION = "Medians over micrographs; contrast and roughness of the prepared patches."
_INTERVALS = "Intervals: 95 %, folds resampled with all of their networks."
_DIFFICULTY_CAPTION = "Mean hard Dice of networks from the other sets, from easy to hard."
_ASYMMETRY_CAPTION = "Trained on a and tested on b, minus the reverse; 95 % interval of Welch."
_COMPARISONS_CAPTION = (
    "Second minus first, paired by fold; corrected resampled t-test and exact sign flips. No "
    "correction for the number of rows."
)
_FOLDS_CAPTION = (
    "One point a network, tested on the fold that it has not seen; the line is the mean over "
    "folds, with its 95 % interval."
)
_EXAMPLES_CAPTION = (
    "A network of the pair of sets with the lowest mean Dice (fold 0, without noise), on whole "
    "micrographs. Chosen by rule: worst, median and best hard Dice."
)
_PUBLISHED_CAPTION = (
    "Published: experimental micrographs of 5 nm gold, arXiv 2306.11853 and its notebooks; "
    "noise curves are read off a figure (± 0.003) and come from a single network a point."
)
_TRENDS_ONLY = (
    " Ours: simulated micrographs, smaller patches, shorter training. Trends are comparable, "
    "levels are not."
)
SIMULATED_LIMITS = (
    "Simulated micrographs of model particles on amorphous carbon; real samples vary more.",
    "Few micrographs, small patches and a short training, chosen so that a laptop ends in "
    "minutes; the published networks saw 250 epochs of 512 px patches.",
)
RECORDED_LIMITS = (
    "Labels are taken as they are; where they err, a perfect network would score below 1.",
    "Data sets may differ by more than what is asked: by day, operator, and sample.",
)
NOISE_LIMITS = (
    "The best ρ of a curve is read off test sets to describe the curve. Nothing was chosen by "
    "it: parameters, epochs and recipes know training and validation patches only.",
    "Networks with noise are tested on patches without noise, as published. Where Dice falls "
    "beyond ρ = 1, part of the fall is that mismatch: the control beside it says how much.",
)
LIMITS = (
    "Folds share most of their training data, so intervals over folds are somewhat too narrow.",
    "Standard deviations over folds or seeds of one data set; another set of scenes may differ "
    "by more.",
)
FOLDS_LIMITS = (
    "Folds share most of their training data, so the interval is somewhat too narrow.",
    "The test micrographs come from the same folder: nothing is said of another microscope, dose "
    "or sample.",
    "Labels are taken as they are; where they err, a perfect network would score below 1.",
)
