"""What was said of a network and is not in MLflow yet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Row = Mapping[str, Any]
Record = Mapping[str, Any]


@dataclass(frozen=True)
class News:
    """Something new about one network; news of the same network add up."""

    run_id: str
    plan_row: Row = field(default_factory=dict)
    """Row of the plan; empty where earlier news told it."""
    at_ms: int = 0
    """When it was said, in milliseconds since 1970."""
    epochs: tuple[tuple[int, Row], ...] = ()
    """Live rows of the curve and when each was said."""
    status: str = ""
    """RUNNING, FINISHED or FAILED; empty where nothing was said of it."""
    read_record: Callable[[], Record] | None = None
    """Reads the record of a finished network, which makes `epochs` needless."""
    error: str = ""
    dice: Mapping[str, float] = field(default_factory=dict)
    """Dice by test set."""

    def and_then(self, later: News) -> News:
        """These news and later ones of the same network, as one."""
        status = later.status or self.status
        return News(
            self.run_id,
            plan_row={**self.plan_row, **later.plan_row},
            at_ms=later.at_ms if later.status else self.at_ms,
            epochs=() if status == "FINISHED" else self.epochs + later.epochs,
            status=status,
            read_record=later.read_record or self.read_record,
            error=later.error or self.error,
            dice={**self.dice, **later.dice},
        )
