"""A database for MLflow that is there whole or not at all.

MLflow builds the tables of a new SQLite file in dozens of migrations, over seconds. One that is
killed among them leaves a file that no later run can use.
"""

from __future__ import annotations

import os
import tempfile
import uuid
from pathlib import Path


def create_database(uri: str) -> None:
    """Make the SQLite file of an MLflow address where it is missing; nothing for other addresses.

    Built aside and linked into place: of several runs that start at once, one makes it.
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
            _put(part, path)
        finally:
            part.unlink(missing_ok=True)


def _missing_file(uri: str) -> Path | None:
    if not uri.startswith("sqlite:///") or ":memory:" in uri:
        return None
    path = Path(uri.removeprefix("sqlite:///").partition("?")[0])
    return None if path.exists() else path


def _put(part: Path, path: Path) -> None:
    """Link, which unlike a move never takes the place of a file that is there."""
    try:
        os.link(part, path)
    except FileExistsError:
        return
    except OSError:  # a file system without links
        if not path.exists():
            part.replace(path)
