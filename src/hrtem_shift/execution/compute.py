"""Parameters of execution: where and how jobs run."""

from __future__ import annotations

import os
from typing import Literal

from pydantic import Field

from hrtem_shift.execution.shards import Shard
from hrtem_shift.parameters import ParameterBlock


class Compute(ParameterBlock):
    """Where and how jobs run; never part of a result's identity."""

    executor: Literal["processes", "serial", "ray"] = "processes"
    workers: int | None = Field(default=None, ge=1)
    """Jobs at once; null = one for each core, with Ray for each core of the cluster."""
    device: str = "auto"
    """``auto`` (a GPU when there is one), ``cpu``, ``cuda`` or ``cuda:N``."""
    deterministic: bool = False
    """Whether a GPU computes reproducibly, at some cost; a CPU always does."""
    retries: int = Field(default=3, ge=0)
    """How often a job is repeated whose process or machine died."""
    address: str | None = None
    """Address of a Ray cluster: ``HOST:PORT`` or ``auto``; null = start Ray on this machine."""
    gpus_per_job: float | None = Field(default=None, ge=0, le=1)
    """Fraction of a GPU that Ray reserves for a job; null = none on a CPU, else a quarter."""
    shard: Shard = Shard()
    """Which part of a plan this run trains and tests."""

    @property
    def torch_device(self) -> str:
        """The device by its name in torch: ``auto`` is ``cuda`` or ``cpu``.

        Raises
        ------
        InputError
            The device is unknown, or not on this machine.
        """
        from hrtem_shift.execution.devices import resolve_device

        return resolve_device(self.device)

    def at_most(self, workers: int) -> Compute:
        """The same with fewer workers, unless their number was chosen by the user."""
        if self.workers is not None:
            return self
        return self.model_copy(update={"workers": min(available_cores(), workers)})


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
