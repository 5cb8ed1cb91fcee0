"""Checkpoints: a killed training resumes from the last one, bit for bit on a CPU.

A file holds tensors, and other values as JSON in its header. Files are written atomically and
the last two are kept: a damaged file costs some epochs.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from hrtem_shift.files import atomic_write

KEPT = 2

logger = logging.getLogger(__name__)


class Checkpoints:
    """Checkpoints of one training.

    Parameters
    ----------
    folder : Path
        Of this training alone; made when the first is saved.
    identity : str
        Of the training; other checkpoints are ignored.
    every_epochs : int
        Epochs between two checkpoints.
    """

    def __init__(self, folder: Path, identity: str, every_epochs: int) -> None:
        self.folder, self.identity, self.every_epochs = Path(folder), identity, every_epochs

    def due(self, epochs: int, of: int) -> bool:
        """Whether to save after so many epochs; always after the last."""
        return epochs == of or epochs % self.every_epochs == 0

    def save(self, epochs: int, tensors: dict[str, Tensor], about: dict[str, Any]) -> None:
        """Save the state after `epochs` epochs, and remove all but the last two checkpoints.

        Raises
        ------
        InputError
            The disk is full; earlier checkpoints are kept.
        """
        header = {"identity": self.identity, "epochs": epochs, **about}
        contiguous = {name: value.contiguous() for name, value in tensors.items()}
        with atomic_write(self.folder / f"epoch_{epochs:06d}.safetensors") as path:
            save_file(contiguous, path, {"checkpoint": json.dumps(header)})
        for old in self._files()[:-KEPT]:
            old.unlink()

    def latest(self) -> tuple[int, dict[str, Tensor], dict[str, Any]] | None:
        """Epochs, tensors and other values of the newest readable checkpoint, or None."""
        for path in reversed(self._files()):
            try:
                with safe_open(path, "pt") as file:
                    header = json.loads(file.metadata()["checkpoint"])
                    tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
                if header.pop("identity") == self.identity:
                    return header.pop("epochs"), tensors, header
                logger.warning("%s belongs to another training and is ignored", path)
            except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
                logger.warning("%s is damaged (%s); the one before it is used", path, error)
        return None

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob("epoch_*.safetensors"))
