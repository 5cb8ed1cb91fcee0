"""Jobs that train networks, and what is recorded of each."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hrtem_shift.execution.jobs import Report
from hrtem_shift.pipelines.study import Study, split_of

if TYPE_CHECKING:
    from hrtem_shift.preparation.folds import Split
    from hrtem_shift.preparation.patch_set import PatchSet
    from hrtem_shift.training.loop import NetworkSpec, TrainedNetwork

EPOCHS_AT_RISK = 5
"""Epochs between two checkpoints: what a killed training loses at most."""


def train_pack(
    pack: list[dict[str, Any]],
    report: Report,
    patch_sets: dict[str, PatchSet],
    study: Study,
    device: str,
    checkpoints: Path,
    deterministic: bool = False,
) -> list[tuple[dict[str, Any], dict[str, Any]] | Exception]:
    """Train the networks of some rows of a plan together: record and weights of each, or its error.

    If the pack diverges, the networks are trained one by one.
    """
    from hrtem_shift.execution.devices import disable_malloc_trim, set_determinism
    from hrtem_shift.training.checkpoints import Checkpoints
    from hrtem_shift.training.device_patches import to_device
    from hrtem_shift.training.loop import Diverged, train_networks
    from hrtem_shift.training.packs import pack_id
    from hrtem_shift.training.recipe import steps_per_epoch

    disable_malloc_trim()
    set_determinism(device, deterministic)
    patch_set = patch_sets[pack[0]["train_set"]]
    splits = [split_of(patch_set, study, fold) for fold in range(study.folds)]
    specs = [spec_of(row, splits[row["fold"]], study) for row in pack]
    thinned = any(spec.noise.thins for spec in specs)
    try:
        trained = train_networks(
            to_device(patch_set, device, study.camera if thinned else None),
            specs,
            study.recipe,
            # The same for all folds, so that networks of different folds can share a pack.
            steps=max(steps_per_epoch(study.recipe, len(split.train)) for split in splits),
            on_epoch=lambda index, row: report((index, row)),
            checkpoints=Checkpoints(checkpoints / pack_id(pack), pack_id(pack), EPOCHS_AT_RISK),
        )
    except Diverged as error:
        if len(pack) == 1:
            return [error]

        def alone(index: int) -> tuple[dict[str, Any], dict[str, Any]] | Exception:
            show = lambda event: report((index, event[1]))  # noqa: E731
            row = [pack[index]]
            return train_pack(row, show, patch_sets, study, device, checkpoints, deterministic)[0]

        return [alone(index) for index in range(len(pack))]
    return [
        (record_of(row, splits[row["fold"]], network, study, device), network.weights)
        for row, network in zip(pack, trained, strict=True)
    ]


def spec_of(row: dict[str, Any], parts: Split, study: Study) -> NetworkSpec:
    """Settings of the network of a row of the plan."""
    from hrtem_shift.seeds import seed_at
    from hrtem_shift.training.loop import NetworkSpec
    from hrtem_shift.training.recipe import TrainingNoise

    return NetworkSpec(
        parts.train,
        parts.validation,
        TrainingNoise(mode=row["noise_mode"], rho=row["rho"]),
        seed_at(study.seed, "network", row["fold"], row["seed"]),
    )


def record_of(
    row: dict[str, Any],
    parts: Split,
    trained: TrainedNetwork,
    study: Study,
    device: str,
) -> dict[str, Any]:
    """Record of a training: row of the plan, learning curve, settings and device."""
    from hrtem_shift.execution.devices import device_name, resolve_precision
    from hrtem_shift.networks.weights import weights_fingerprint

    return {
        **row,
        "best_epoch": trained.best_epoch,
        "curve": trained.curve,
        "n_train": len(parts.train),
        "n_validation": len(parts.validation),
        "weights": weights_fingerprint(trained.weights),
        "parameters": study.recipe.model_dump(),
        "precision": str(resolve_precision(study.recipe.precision, device)).removeprefix("torch."),
        "device": device_name(device),
    }


def forget_checkpoints(checkpoints: Path, pack: list[dict[str, Any]]) -> None:
    """Remove the checkpoints of a pack that has ended."""
    from hrtem_shift.training.packs import pack_id

    for part in (pack, *([row] for row in pack)):
        shutil.rmtree(checkpoints / pack_id(part), ignore_errors=True)
