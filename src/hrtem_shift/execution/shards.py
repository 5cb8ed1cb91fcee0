"""Shards: several runs on one disk share the jobs of a plan, without any engine between them."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import Field, model_validator

from hrtem_shift.errors import RunEnds
from hrtem_shift.fingerprints import fingerprint
from hrtem_shift.parameters import ParameterBlock


class Shard(ParameterBlock):
    """Which share of a plan a run does."""

    index: int = Field(default=0, ge=0)
    """0 .. count - 1."""
    count: int = Field(default=1, ge=1)
    """Number of shares; 1 = the whole plan."""

    @model_validator(mode="after")
    def _index_is_of_count(self) -> Shard:
        if self.index >= self.count:
            raise ValueError(
                f"index {self.index} is not one of {self.count} shares, which count from 0"
            )
        return self


class ShareDone(RunEnds):
    """A run has trained its share of a plan, and the shares of others are not done yet.

    Parameters
    ----------
    missing : int
        Networks that the plan names and the store still lacks.
    """

    def __init__(self, missing: int) -> None:
        self.missing = missing
        super().__init__(
            f"This run's share of the networks is trained; {missing} of others are missing. When "
            "all shares are done, the same command without compute.shard tests and reports."
        )


def jobs_of_shard(run_ids: Iterable[str], shard: Shard) -> list[str]:
    """Those of `run_ids` that are a shard's to do, in the order given.

    The id alone decides, so that a share does not change when a plan grows or what is finished
    is left out. Shares are therefore equal on average only.

    Parameters
    ----------
    run_ids : iterable of str
        Rows of a plan.
    shard : Shard
        Which share.
    """
    return [
        run_id for run_id in run_ids if int(fingerprint(run_id), 16) % shard.count == shard.index
    ]
