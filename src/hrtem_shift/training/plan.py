"""The plan: one row a network, whose id is a hash of everything that decides its result."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd

from hrtem_shift.fingerprints import fingerprint
from hrtem_shift.microscope.conditions import Camera
from hrtem_shift.training.recipe import Recipe, TrainingNoise

RESULTS_VERSION = 3
"""Increased when a change of the code changes results, so that older networks are not reused."""


def plan_row(
    *,
    train_set: str,
    patch_set_fingerprint: str,
    patches_made_of: str = "",
    fold: int,
    seed: int,
    root_seed: int,
    validation_fraction: float,
    recipe: Recipe,
    noise: TrainingNoise,
    camera: Camera | None = None,
) -> dict[str, Any]:
    """Row of a plan; its ``run_id`` is a readable prefix and a hash.

    ``made_of`` is a hash of the same, but of what the patches are made of instead of their bytes:
    other processors round otherwise, and the network is the same to a reader.

    Parameters
    ----------
    train_set : str
        Data set to train on; the hash takes `patch_set_fingerprint` instead of its name.
    patches_made_of : str
        Fingerprint of the parameters and files that decide the patches.
    fold : int
        Fold that is held out for testing.
    seed : int
        Number of the repetition of this fold.
    camera : Camera, optional
        By which electrons are thinned; decides only where they are.
    """
    noise = noise if noise.rho > 0 else TrainingNoise()
    decides = {
        "identity": RESULTS_VERSION,
        "patches": patch_set_fingerprint,
        "fold": fold,
        "seed": seed,
        "root_seed": root_seed,
        "validation_fraction": validation_fraction,
        "recipe": recipe.model_dump(),
        "noise": noise.model_dump(),
    }
    if noise.thins and camera:
        decides["camera"] = camera.model_dump()
    made_of = decides | {"patches": patches_made_of or patch_set_fingerprint}
    label = "" if noise.rho == 0 else f"_{noise.mode}{noise.rho:g}"
    return {
        "run_id": f"{train_set}{label}_fold{fold}_seed{seed}_{fingerprint(decides)[:10]}",
        "train_set": train_set,
        "fold": fold,
        "seed": seed,
        "noise_mode": noise.mode,
        "rho": noise.rho,
        "made_of": fingerprint(made_of),
    }


def make_plan(rows: Iterable[dict[str, Any]]) -> pd.DataFrame:
    """Plan without duplicates, in the order given."""
    return pd.DataFrame(list(rows)).drop_duplicates("run_id", ignore_index=True)
