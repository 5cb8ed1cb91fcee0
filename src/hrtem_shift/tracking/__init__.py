"""MLflow: a parent run for each `kedro run`, a child for each network; nothing else logs."""

from hrtem_shift.tracking.tracker import Tracker, Tracking

__all__ = ["Tracker", "Tracking"]
