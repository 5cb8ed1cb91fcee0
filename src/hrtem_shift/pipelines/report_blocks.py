"""Blocks of every report: what was run, how micrographs were prepared, which were left out."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

from hrtem_shift.pipelines.study import Study
from hrtem_shift.tracking import Tracking

if TYPE_CHECKING:
    from pandas import DataFrame, Series

    from hrtem_shift.figures.report import FigureBlock, TableBlock
    from hrtem_shift.preparation.folds import FoldRule
    from hrtem_shift.preparation.patches import Preparation
    from hrtem_shift.training.recipe import Recipe

FOLDS: dict[FoldRule, str] = {
    "micrograph": "by micrograph (or its group)",
    "session": "by session at the microscope",
    "published_patchwise": "by patch, as published: neighbours in one micrograph are on both sides",
    "patchwise": "by patch, in the order of the files: neighbours may be on both sides",
}
DICE = "2 TP / (2 TP + FP + FN), mean over patches; spread is a standard deviation"


def what_was_run(
    study: Study,
    networks: DataFrame,
    inventory: DataFrame,
    left_out: DataFrame,
    tracking: Tracking,
) -> list[tuple[str, str]]:
    """Name and value of what decides the numbers of a report, and where its runs are tracked."""
    recipe = study.recipe
    described = [
        _data_set(str(name), rows) for name, rows in inventory.groupby("data_set", sort=False)
    ]
    return [
        ("Data sets", "; ".join(described)),
        ("Left out", _number_left_out(left_out) or "nothing"),
        ("Networks", f"{len(networks)} {_kind_of_network(recipe)}{_blind(networks)}"),
        ("Folds", f"{study.folds}, {FOLDS[study.fold_rule]}; seeds a fold: {study.seeds}"),
        ("Patches", f"{study.preparation.patch_px} px, {_steps(study.preparation)}"),
        (
            "Recipe",
            f"Adam, {recipe.epochs} epochs of {_shown(recipe)}, batch {recipe.batch_size}, "
            f"{recipe.schedule.replace('_', '-')} learning rate up to {recipe.learning_rate:g}, "
            "weights of the lowest validation loss",
        ),
        ("Dice", DICE),
        *_tracked(tracking),
    ]


def left_out_blocks(left_out: DataFrame) -> list[TableBlock]:
    """Micrographs that could not be used, and why; nothing where all could."""
    from hrtem_shift.figures.report import TableBlock

    if left_out.empty:
        return []
    caption = f"{_number_left_out(left_out)}. Nothing was trained or tested on them."
    return [TableBlock("Left out", left_out, caption, "left_out.csv")]


def preparation_blocks(overview_png: bytes, steps_png: bytes) -> list[FigureBlock]:
    """What preparation found in all micrographs, and what it did to some."""
    from hrtem_shift.figures.report import FigureBlock

    return [
        FigureBlock("Preparation of all micrographs", overview_png, _OVERVIEW_CAPTION),
        FigureBlock("Preparation, step by step", steps_png, _STEPS_CAPTION),
    ]


def network_blocks(networks: DataFrame) -> list[TableBlock]:
    """All networks of a study, by the ids under which MLflow and the store know them."""
    from hrtem_shift.figures.report import TableBlock

    columns = ["run_id", "train_set", "fold", "seed", "rho", "best_epoch", "validation_dice"]
    return [TableBlock("Networks", networks[columns], _NETWORKS_CAPTION, "networks.csv")]


def versions() -> dict[str, str]:
    """Program -> version."""
    return {name: version(name) for name in ("hrtem-shift", "torch", "numpy", "kedro")}


def _kind_of_network(recipe: Recipe) -> str:
    import torch

    from hrtem_shift.networks.architectures import PUBLISHED, build

    with torch.device("meta"):  # shapes alone: no memory, no random weights
        network = build(recipe.architecture, recipe.norm)
    named = {PUBLISHED: "residual U-Nets"}.get(recipe.architecture, recipe.architecture)
    return f"{named} of {sum(weights.numel() for weights in network.parameters()):,} parameters"


def _tracked(tracking: Tracking) -> list[tuple[str, str]]:
    """Address of the tracking server; none where MLflow keeps its runs in a file."""
    return [("MLflow", tracking.uri)] if tracking.uri.startswith(("http://", "https://")) else []


def _data_set(name: str, rows: DataFrame) -> str:
    has_doses = "dose_e_per_A2" in rows and rows["dose_e_per_A2"].notna().any()
    dose = f" at {_range(rows['dose_e_per_A2'])} e/Å²" if has_doses else ""
    return f"{name}: {_micrographs(len(rows))}{dose}, {_range(rows['pixel_size_nm'])} nm per pixel"


def _micrographs(count: int) -> str:
    return f"{count} micrograph{'s' * (count != 1)}"


def _range(values: Series) -> str:
    low, high = f"{values.min():g}", f"{values.max():g}"
    return low if low == high else f"{low} to {high}"


def _number_left_out(left_out: DataFrame) -> str:
    if left_out.empty:
        return ""
    count = left_out[["data_set", "micrograph"]].drop_duplicates().shape[0]
    return f"{_micrographs(count)} that could not be used"


def _shown(recipe: Recipe) -> str:
    if recipe.patches_per_epoch is not None:
        return f"{recipe.patches_per_epoch} patches"
    passes = recipe.passes_per_epoch
    return f"{passes} passes over the patches" if passes > 1 else "all patches"


def _blind(networks: DataFrame) -> str:
    """Networks that call nothing a particle: trained too briefly, they pull every mean down."""
    count = int((networks["validation_dice"] == 0).sum())
    return f", {count} of which found no particle when validated; all count in means" * (count > 0)


def _steps(preparation: Preparation) -> str:
    steps = []
    if preparation.xray_threshold_counts is not None:
        steps.append(f"x-rays above median + {preparation.xray_threshold_counts:g} counts repaired")
    if preparation.pixel_size_nm is not None:
        steps.append(f"resampled to {preparation.pixel_size_nm:g} nm per pixel")
    if preparation.flat_field is not None:
        steps.append(f"divided by a flat field ({preparation.flat_field})")
    done = {
        "standardize": "standardized",
        "normalize": "normalized",
        "histogram": "rescaled to the 1st to 99th percentile",
    }
    if preparation.rescaling is not None:
        steps.append(f"{done[preparation.rescaling]} by micrograph")
    return ", ".join(steps) or "as they came"


_NETWORKS_CAPTION = (
    "run_id names a network in the MLflow UI (search: tags.run_id = '...'), where its learning "
    "curve is, and its folder in data/06_models/networks, which holds weights and record."
)
_OVERVIEW_CAPTION = (
    "One point a micrograph: x-ray pixels that were repaired, how much darker the darkest place "
    "of the fitted illumination is than the brightest, mean counts as recorded, patches kept for "
    "showing enough particle, and the area that is particle."
)
_STEPS_CAPTION = (
    "The first micrograph of each data set: as recorded, with its x-rays circled; the fitted "
    "illumination; as networks see it; and the histograms of both."
)
