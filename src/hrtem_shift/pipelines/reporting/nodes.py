"""Nodes that make the examples and the reports of studies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hrtem_shift.pipelines.reporting.evidence import (
    left_out_blocks,
    preparation_blocks,
    versions,
    what_was_run,
)
from hrtem_shift.pipelines.study import Study
from hrtem_shift.tables import rows_of
from hrtem_shift.training.executors import Compute

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

    from hrtem_shift.catalog.network_store import NetworkStore
else:
    DataFrame = Figure = NetworkStore = (
        Any  # Kedro resolves annotations at start; these come with a run
    )

COMMAND = "kedro run --pipeline=dose_study"


def draw_examples(
    inventory: DataFrame,
    networks: DataFrame,
    study: Study,
    compute: Compute,
    store: NetworkStore,
) -> Figure:
    """Worst, median and best micrograph of the last set, seen by a network of the first.

    The network is the one of fold 0 and seed 0, trained without noise; the rule picks by
    hard Dice over the whole micrograph and is the same for every run.
    """
    import numpy as np

    from hrtem_shift.evaluation.dice import count_pixels, hard_dice
    from hrtem_shift.figures.examples import Example, examples_figure
    from hrtem_shift.micrographs.folder import load_micrograph
    from hrtem_shift.networks.prediction import predict_masks
    from hrtem_shift.networks.residual_unet import STRIDE_PX
    from hrtem_shift.networks.weights import network_from
    from hrtem_shift.preparation.steps import prepare
    from hrtem_shift.training.devices import resolve_device, resolve_precision

    train_set, test_set = study.data_sets[0], study.data_sets[-1]
    plain = networks[(networks["train_set"] == train_set) & (networks["rho"] == 0)]
    first = plain[(plain["fold"] == 0) & (plain["seed"] == 0)]["run_id"].iloc[0]
    network = network_from(store.weights(first))
    device = resolve_device(compute.device)
    seen: list[tuple[float, Any]] = []
    for row in rows_of(inventory[inventory["data_set"] == test_set]):
        micrograph = load_micrograph(row)
        height, width = (side - side % STRIDE_PX for side in micrograph.pixels.shape)
        label = micrograph.mask[:height, :width]
        predicted = predict_masks(
            network,
            prepare(micrograph.pixels, study.preparation).pixels[None, :height, :width],
            device=device,
            precision=resolve_precision(study.recipe, device),
        )
        dice = float(hard_dice(count_pixels(predicted, label[None])).iloc[0])
        seen.append((dice, (micrograph, micrograph.pixels[:height, :width], label, predicted[0])))
    order = np.argsort([dice for dice, _ in seen], kind="stable")
    chosen = {"worst": order[0], "median": order[len(order) // 2], "best": order[-1]}
    examples = []
    for rule, position in chosen.items():
        dice, (micrograph, pixels, label, predicted) = seen[position]
        title = f"{rule} of {len(seen)}: trained on {train_set}, tested on {micrograph.name}"
        examples.append(Example(title, pixels, label, predicted, micrograph.pixel_size_nm, dice))
    return examples_figure(examples)


def write_report(
    dose_matrix: DataFrame,
    noise_curves: DataFrame,
    same_set_dice: DataFrame,
    networks: DataFrame,
    inventory: DataFrame,
    left_out: DataFrame,
    dose_matrix_png: bytes,
    noise_curves_png: bytes,
    examples_png: bytes,
    preparation_png: bytes,
    preparation_steps_png: bytes,
    study: Study,
) -> str:
    """One self-contained page: the question, its answer in numbers, evidence and limits."""
    from hrtem_shift.figures.dose_answer import dose_answer
    from hrtem_shift.figures.doses import doses_of
    from hrtem_shift.figures.report import FigureBlock, TableBlock, render_report

    doses = doses_of(inventory)
    order = sorted(study.data_sets, key=lambda name: -doses[name])
    simulated = "scene_id" in inventory
    return render_report(
        title="Dose study",
        question="A network trained at high dose: how badly does it fail at low dose, and how "
        "much does noise augmentation repair?",
        answer=dose_answer(dose_matrix, noise_curves, order, doses),
        what_was_run=what_was_run(study, networks, inventory, left_out),
        blocks=[
            FigureBlock("Each dose tested on each dose", dose_matrix_png, _MATRIX_CAPTION),
            FigureBlock("Training with added noise", noise_curves_png, _CURVES_CAPTION),
            FigureBlock("What the network sees", examples_png, _EXAMPLES_CAPTION),
            *left_out_blocks(left_out),
            *preparation_blocks(preparation_png, preparation_steps_png),
            TableBlock(
                "Beside the published numbers",
                compare_with_published(dose_matrix, noise_curves, doses, order[0]),
                _PUBLISHED_CAPTION + (_TRENDS_ONLY if simulated else ""),
                "published.csv",
            ),
            TableBlock("Dose matrix", dose_matrix, "One row a network and set.", "dose_matrix.csv"),
            TableBlock("Noise curves", noise_curves, "One row a point.", "noise_curves.csv"),
            TableBlock(
                "Same-dose references", same_set_dice, "The dotted lines.", "same_set_dice.csv"
            ),
        ],
        limits=[*(SIMULATED_LIMITS if simulated else RECORDED_LIMITS), *LIMITS],
        command=COMMAND,
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
    "Rows: dose of the training set. Columns: dose of the test set. On the diagonal a network "
    "is tested on the fold that it has not seen, elsewhere on the whole other set."
)
_CURVES_CAPTION = (
    "Networks trained at the highest dose, on patches x → (x + N(0, s)) / √(1 + s²), and tested "
    "on clean patches. Left: s = ρ. Right: s drawn from U(0, ρ) for each patch. Dotted: networks "
    "trained at the dose that they are tested on."
)
_FOLDS_CAPTION = (
    "One point a network, tested on the fold that it has not seen; the line is the mean over "
    "folds, with its 95 % interval."
)
_EXAMPLES_CAPTION = (
    "The network trained at the highest dose (fold 0, without noise) on whole micrographs of "
    "the lowest dose. Chosen by rule: worst, median and best hard Dice."
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
    "Simulated micrographs of single gold spheres on hard-sphere carbon; real samples vary more.",
    "Few micrographs, small patches and a short training, chosen so that a laptop ends in "
    "minutes; the published networks saw 250 epochs of 512 px patches.",
)
RECORDED_LIMITS = (
    "Labels are taken as they are; where they err, a perfect network would score below 1.",
    "Data sets may differ by more than their dose: by day, operator, and sample.",
)
LIMITS = (
    "The best ρ of a curve is read off test sets to describe the curve. Nothing was chosen by "
    "it: parameters, epochs and recipes know training and validation patches only.",
    "Networks with noise are tested on patches without noise, as published. Where Dice falls "
    "beyond ρ = 1, part of the fall is that mismatch.",
    "Standard deviations over folds or seeds of one data set; another set of scenes may differ "
    "by more.",
)
FOLDS_LIMITS = (
    "Folds share most of their training data, so the interval is somewhat too narrow.",
    "The test micrographs come from the same folder: nothing is said of another microscope, dose "
    "or sample.",
    "Labels are taken as they are; where they err, a perfect network would score below 1.",
)
