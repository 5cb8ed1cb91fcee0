"""Shards: several runs on one disk split the jobs of a plan, without a scheduler."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import Field, model_validator

from hrtem_shift.errors import RunEnds
from hrtem_shift.fingerprints import fingerprint
from hrtem_shift.parameters import ParameterBlock


class Shard(ParameterBlock):
    """Which part of a plan a run trains and tests."""

    index: int = Field(default=0, ge=0)
    """0 .. count - 1."""
    count: int = Field(default=1, ge=1)
    """Number of shards; 1 = the whole plan."""

    @model_validator(mode="after")
    def _index_is_of_count(self) -> Shard:
        if self.index >= self.count:
            raise ValueError(
                f"index {self.index} is not one of {self.count} shards, which count from 0"
            )
        return self


class PlanUnfinished(RunEnds):
    """A run has done its part, and `missing` of the `planned` networks are not tested yet."""

    def __init__(self, missing: int, planned: int) -> None:
        self.missing = missing
        super().__init__(
            f"This run's part is trained and tested; {missing} of {planned} networks of the plan "
            "are not. There are no tables and no report before all are: run the same command "
            "without compute.shard to do what is missing, or with another compute.shard.index. "
            "'kedro results STUDY' keeps what is finished."
        )


def jobs_of_shard(run_ids: Iterable[str], shard: Shard) -> list[str]:
    """Those of `run_ids` that belong to a shard, in the order given.

    The id alone decides, so that a shard does not change when a plan grows or finished rows are
    left out. Shards are therefore equal on average only.
    """
    return [
        run_id for run_id in run_ids if int(fingerprint(run_id), 16) % shard.count == shard.index
    ]
