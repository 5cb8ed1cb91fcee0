"""Store of trained networks: one folder a network, written atomically when it is finished.

A folder holds ``network.safetensors``, ``record.json`` (plan row, learning curve, device,
seconds, hash of the weights), ``scores/<test>.json`` (pixel counts of each tested patch) and
``particles/<test>_<version>.parquet`` (particles of each tested micrograph).
Tables are computed from this store; MLflow receives copies.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from pydantic_core import from_json

from hrtem_shift.catalog.stores import StoreDataset
from hrtem_shift.errors import InputError
from hrtem_shift.files import atomic_write

if TYPE_CHECKING:
    from hrtem_shift.networks.weights import Weights

Record = dict[str, Any]

PARTICLES_VERSION = 2
"""Raised when the code changes the particles of a test, so that older ones are not reused."""


class NetworkStore:
    """Networks by run id.

    Parameters
    ----------
    folder : Path
        Made when the first network is put.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)

    @property
    def checkpoints(self) -> Path:
        """Folder of unfinished trainings, beside the networks."""
        return self.folder.with_name("checkpoints")

    def finished(self, run_ids: Iterable[str]) -> set[str]:
        """Networks among `run_ids` that are trained and stored."""
        return {run_id for run_id in run_ids if (self.folder / run_id / "record.json").is_file()}

    def put(self, record: Record, weights: Weights) -> None:
        """Store a finished network atomically."""
        from hrtem_shift.networks.weights import weights_bytes

        with atomic_write(self.folder / record["run_id"]) as folder:
            folder.mkdir()
            (folder / "network.safetensors").write_bytes(weights_bytes(weights))
            (folder / "record.json").write_text(json.dumps(record, indent=1), encoding="utf-8")

    def record(self, run_id: str) -> Record:
        """Record of a finished network."""
        return from_json((self.folder / run_id / "record.json").read_bytes())  # thousands are read

    def weights(self, run_id: str) -> Weights:
        """Weights of a finished network.

        Raises
        ------
        InputError
            They are not here, or damaged.
        """
        from hrtem_shift.networks.weights import read_weights

        path = self.folder / run_id / "network.safetensors"
        if not path.is_file():
            raise weights_are_missing(run_id)
        return read_weights(path)

    def put_scores(self, run_id: str, test_id: str, counts: pd.DataFrame) -> None:
        """Store the pixel counts of one network on one test set."""
        with atomic_write(self._scores(run_id, test_id)) as path:
            path.write_text(json.dumps(counts.to_dict("list")), encoding="utf-8")

    def scores(self, run_id: str, test_id: str) -> pd.DataFrame | None:
        """Pixel counts of one network on one test set, or None when it was not tested."""
        path = self._scores(run_id, test_id)
        if not path.is_file():
            return None
        return pd.DataFrame(json.loads(path.read_text(encoding="utf-8")))

    def put_particles(self, run_id: str, test_id: str, particles: pd.DataFrame) -> None:
        """Store the particles that one network detected in the micrographs of one test set."""
        with atomic_write(self._particles(run_id, test_id)) as path:
            particles.to_parquet(path, index=False)

    def particles(self, run_id: str, test_id: str) -> pd.DataFrame | None:
        """Particles that one network detected, or None when it was not tested."""
        path = self._particles(run_id, test_id)
        return pd.read_parquet(path) if path.is_file() else None

    def _particles(self, run_id: str, test_id: str) -> Path:
        return self.folder / run_id / "particles" / f"{test_id}_{PARTICLES_VERSION}.parquet"

    def _scores(self, run_id: str, test_id: str) -> Path:
        return self.folder / run_id / "scores" / f"{test_id}.json"


def weights_are_missing(run_id: str) -> InputError:
    """The error for a network of which only results are left."""
    return InputError(
        "its weights are not here",
        where=f"network {run_id}",
        why="Results keep what a network scored, and not its weights",
        fix="Train it again: move results/STUDY away, run 'kedro run --pipeline=STUDY', and move "
        "it back",
    )


class NetworkStoreDataset(StoreDataset):
    """Catalog entry of the networks."""

    store = NetworkStore
