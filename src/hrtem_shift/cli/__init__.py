"""Commands: ``hrtem-shift`` (`main`), and what the project adds to ``kedro`` (`project`)."""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> Any:
    """Kedro looks for ``cli`` and ``run`` here; ``hrtem-shift`` does not wait for its import."""
    if name in ("cli", "run"):
        from hrtem_shift.cli import project

        return getattr(project, name)
    raise AttributeError(name)
