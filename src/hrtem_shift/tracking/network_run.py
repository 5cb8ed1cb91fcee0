"""The MLflow run of one network, in which each step of a metric is written once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

BATCH_METRICS = 800
"""MLflow takes 1000 entries in a batch, parameters and tags among them."""


@dataclass
class NetworkRun:
    """State of a network's run, and the metric steps that the store holds of it."""

    id: str = ""
    """Empty while it is uncertain whether the store has created the run."""
    status: str = "RUNNING"
    logged: set[tuple[str, int]] | None = None
    """Names and steps of logged metrics; None while uncertain."""
    model_id: str = ""
    """Id of its model in MLflow, where it is finished."""
    may_have_model: bool = True
    """Whether a model may have been created, though `model_id` is empty."""

    def log(
        self,
        client: Any,
        metrics: Sequence[Any] = (),
        params: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Log in one batch what the store lacks."""
        from mlflow.entities import RunTag

        if metrics and self.logged is None:
            self.logged = self._steps(client)
        logged, self.logged = self.logged, None  # uncertain until the store has answered
        missing = [m for m in metrics if (m.key, m.step) not in (logged or ())]
        entries = mlflow_params(params or {})
        labels = [RunTag(key, value) for key, value in (tags or {}).items()]
        for start in range(0, len(missing) or bool(entries or labels), BATCH_METRICS):
            part = missing[start : start + BATCH_METRICS]
            client.log_batch(self.id, metrics=part, params=entries, tags=labels)
            entries, labels = [], []
        if logged is not None:
            self.logged = logged | {(metric.key, metric.step) for metric in missing}

    def end(self, client: Any, status: str, at_ms: int | None = None) -> None:
        """Close the run."""
        client.set_terminated(self.id, status, at_ms)
        self.status = status
        if self.logged:  # thousands of runs are kept in memory; a finished curve never grows
            self.logged = {(key, step) for key, step in self.logged if step == 0}

    def reopen(self, client: Any, parent: Mapping[str, str]) -> None:
        """Continue a failed or killed run below a new parent."""
        cleared = {"error": ""} if self.status == "FAILED" else {}
        self.log(client, tags={**parent, **cleared})
        client.update_run(self.id, status="RUNNING")
        self.status = "RUNNING"

    def _steps(self, client: Any) -> set[tuple[str, int]]:
        keys = client.get_run(self.id).data.metrics
        return {(key, m.step) for key in keys for m in client.get_metric_history(self.id, key)}


def mlflow_params(values: Mapping[str, Any]) -> list[Any]:
    """MLflow parameters, cut to the length that MLflow takes."""
    from mlflow.entities import Param

    return [Param(key, str(value)[:6000]) for key, value in values.items()]
