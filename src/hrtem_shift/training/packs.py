"""Packs: which networks of a plan are trained together, fused into one.

Companions change the order of sums in a network. So packs depend on the plan alone, not on what
is finished or on the number of processes: a study that is stopped and resumed has the same packs
and bits. If one network of a pack is missing, the whole pack is trained.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from hrtem_shift.execution.shards import Shard, jobs_of_shard
from hrtem_shift.fingerprints import fingerprint
from hrtem_shift.networks.architectures import can_fuse
from hrtem_shift.training.recipe import Recipe

NETWORKS_AT_ONCE = 4
"""On a CPU a network in a pack of four takes a third of its time alone; in eight no less."""

PlanRow = dict[str, Any]


def packs(plan: Sequence[PlanRow], recipe: Recipe) -> list[list[PlanRow]]:
    """Split the rows of a plan into packs of one data set, in the order of the plan.

    The packs of a data set are nearly equal in size, at most `NETWORKS_AT_ONCE`; architectures
    that cannot be fused are trained one by one.
    """
    most = NETWORKS_AT_ONCE if can_fuse(recipe.architecture) else 1
    by_set: dict[str, list[PlanRow]] = {}
    for row in plan:
        by_set.setdefault(row["train_set"], []).append(row)
    return [
        [rows[k] for k in part]
        for rows in by_set.values()
        for part in np.array_split(np.arange(len(rows)), math.ceil(len(rows) / most))
    ]


def packs_of_shard(plan: Sequence[PlanRow], recipe: Recipe, shard: Shard) -> list[list[PlanRow]]:
    """Packs of a plan that belong to a shard."""
    by_id = {pack_id(pack): pack for pack in packs(plan, recipe)}
    return [by_id[name] for name in jobs_of_shard(by_id, shard)]


def pack_id(pack: Sequence[PlanRow]) -> str:
    """Name of a pack; depends on its networks alone."""
    run_ids = [row["run_id"] for row in pack]
    return f"{pack[0]['train_set']}_pack{len(pack)}_{fingerprint(run_ids)[:10]}"
