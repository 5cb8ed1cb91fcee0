"""Pending MLflow updates of one network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Row = Mapping[str, Any]
Record = Mapping[str, Any]


@dataclass(frozen=True)
class RunUpdate:
    """What changed in the run of one network; updates of the same network can be merged."""

    run_id: str
    plan_row: Row = field(default_factory=dict)
    """Row of the plan; empty where an earlier update holds it."""
    at_ms: int = 0
    """Time of the last change of status, in milliseconds since 1970."""
    epochs: tuple[tuple[int, Row], ...] = ()
    """Time and values of each new row of the learning curve."""
    status: str = ""
    """RUNNING, FINISHED or FAILED; empty where it is unchanged."""
    read_record: Callable[[], Record] | None = None
    """Reads the record of a finished network, which holds all epochs."""
    error: str = ""
    dice: Mapping[str, float] = field(default_factory=dict)
    """Dice by test set."""

    def merged(self, later: RunUpdate) -> RunUpdate:
        """This update and a later one of the same network, as one."""
        status = later.status or self.status
        return RunUpdate(
            self.run_id,
            plan_row={**self.plan_row, **later.plan_row},
            at_ms=later.at_ms if later.status else self.at_ms,
            epochs=() if status == "FINISHED" else self.epochs + later.epochs,
            status=status,
            read_record=later.read_record or self.read_record,
            error=later.error or self.error,
            dice={**self.dice, **later.dice},
        )
