"""Atomic creation of MLflow's SQLite database.

MLflow creates the tables of a new file in dozens of migrations, which take seconds. A process
that is killed meanwhile would leave a file that no later run can use.
"""

from __future__ import annotations

import os
import tempfile
import uuid
from pathlib import Path


def create_database(uri: str) -> None:
    """Create the SQLite file of an MLflow address where it is missing; ignore other addresses.

    It is built in a temporary folder and linked into place, so that several runs may start at once.
    """
    path = _missing_file(uri)
    if path is None:
        return
    from mlflow import MlflowClient

    with tempfile.TemporaryDirectory() as folder:
        built = Path(folder) / path.name
        MlflowClient(f"sqlite:///{built}").search_experiments(max_results=1)
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
        try:
            part.write_bytes(built.read_bytes())
            _link(part, path)
        finally:
            part.unlink(missing_ok=True)


def _missing_file(uri: str) -> Path | None:
    if not uri.startswith("sqlite:///") or ":memory:" in uri:
        return None
    path = Path(uri.removeprefix("sqlite:///").partition("?")[0])
    return None if path.exists() else path


def _link(part: Path, path: Path) -> None:
    """Link rather than move, which never replaces an existing file."""
    try:
        os.link(part, path)
    except FileExistsError:
        return
    except OSError:  # a file system without links
        if not path.exists():
            part.replace(path)
