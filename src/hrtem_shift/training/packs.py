"""Packs: which networks of a plan are trained as one.

A pack is formed from the plan alone, not from what is finished or how many processes there are:
companions change the order of sums in a network's computation, so a plan that is stopped and
run again, by one process or by two, must form the same packs to come to the same bits. A pack
of which one network is missing is trained as a whole.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from hrtem_shift.fingerprints import fingerprint
from hrtem_shift.networks.architectures import can_fuse
from hrtem_shift.training.recipe import Recipe

NETWORKS_AT_ONCE = 4
"""On a CPU a network of four takes a third of the time of one alone, of eight no less."""

PlanRow = dict[str, Any]


def packs(plan: Sequence[PlanRow], recipe: Recipe) -> list[list[PlanRow]]:
    """Rows of a plan, pack by pack; data sets and their rows in the order of the plan.

    Parameters
    ----------
    plan : sequence of dict
        Rows of `hrtem_shift.training.plan`.
    recipe : Recipe
        Some architectures can only be trained one by one.

    Returns
    -------
    list of list of dict
        All rows of a data set, wherever in the plan, in packs of nearly equal size of at most
        `NETWORKS_AT_ONCE`.
    """
    most = NETWORKS_AT_ONCE if can_fuse(recipe.architecture) else 1
    of_sets: dict[str, list[PlanRow]] = {}
    for row in plan:
        of_sets.setdefault(row["train_set"], []).append(row)
    found = []
    for of_one_set in of_sets.values():
        parts = np.array_split(np.arange(len(of_one_set)), math.ceil(len(of_one_set) / most))
        found += [[of_one_set[k] for k in part] for part in parts]
    return found


def pack_id(pack: Sequence[PlanRow]) -> str:
    """Name of a pack; changes with its networks and with nothing else."""
    run_ids = [row["run_id"] for row in pack]
    return f"{pack[0]['train_set']}_pack{len(pack)}_{fingerprint(run_ids)[:10]}"
