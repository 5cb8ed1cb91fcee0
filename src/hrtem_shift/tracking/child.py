"""The MLflow run of one network, in which no metric step is written twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Point = tuple[str, int, int, float]
"""Of a metric: name, step, time in milliseconds since 1970, value."""
BATCH_METRICS = 800
"""MLflow takes 1000 things in a batch, parameters and tags among them."""


@dataclass
class Child:
    """The run of a network: where it stands, and what of it the store is known to hold."""

    id: str = ""
    """Empty while it is unknown whether the store has made it."""
    status: str = "RUNNING"
    known: set[tuple[str, int]] | None = None
    """Metric steps that the store holds; None while that is unknown."""

    def log(
        self,
        client: Any,
        points: Sequence[Point] = (),
        params: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Log in one batch what the store lacks."""
        from mlflow.entities import Metric, RunTag

        if points and self.known is None:
            self.known = self._steps(client)
        known, self.known = self.known, None  # until the store has answered
        missing = [
            Metric(key, value, at_ms, step)
            for key, step, at_ms, value in points
            if (key, step) not in (known or ())
        ]
        entries = params_of(params or {})
        labels = [RunTag(key, value) for key, value in (tags or {}).items()]
        for start in range(0, len(missing) or bool(entries or labels), BATCH_METRICS):
            part = missing[start : start + BATCH_METRICS]
            client.log_batch(self.id, metrics=part, params=entries, tags=labels)
            entries, labels = [], []
        if known is not None:
            self.known = known | {(metric.key, metric.step) for metric in missing}

    def end(self, client: Any, status: str, at_ms: int | None = None) -> None:
        """Close the run."""
        client.set_terminated(self.id, status, at_ms)
        self.status = status
        if self.known:  # thousands are kept: of those that ended, what has no curve is enough
            self.known = {(key, step) for key, step in self.known if step == 0}

    def continue_under(self, client: Any, parent: Mapping[str, str]) -> None:
        """Open the run of an earlier attempt again, below a new parent."""
        cleared = {"error": ""} if self.status == "FAILED" else {}
        self.log(client, tags={**parent, **cleared})
        client.update_run(self.id, status="RUNNING")
        self.status = "RUNNING"

    def _steps(self, client: Any) -> set[tuple[str, int]]:
        keys = client.get_run(self.id).data.metrics
        return {(key, m.step) for key in keys for m in client.get_metric_history(self.id, key)}


def params_of(values: Mapping[str, Any]) -> list[Any]:
    """MLflow's parameters, cut to the length that it takes."""
    from mlflow.entities import Param

    return [Param(key, str(value)[:6000]) for key, value in values.items()]
