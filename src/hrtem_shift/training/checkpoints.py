"""Checkpoints: from the last one a killed training goes on, bit for bit on a CPU.

A file holds tensors, and in its header what is known besides, as JSON. It is written whole or
not at all, and the one before it stays until the next: a damaged file costs some epochs.
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
        What is trained; a checkpoint of anything else is not taken up.
    every_epochs : int
        Distance between two.
    """

    def __init__(self, folder: Path, identity: str, every_epochs: int) -> None:
        self.folder, self.identity, self.every_epochs = Path(folder), identity, every_epochs

    def due(self, epochs: int, of: int) -> bool:
        """Whether to save after so many epochs; the last are always saved."""
        return epochs == of or epochs % self.every_epochs == 0

    def save(self, epochs: int, tensors: dict[str, Tensor], about: dict[str, Any]) -> None:
        """Save what `epochs` epochs led to, and drop what is older than the one before.

        Raises
        ------
        InputError
            The disk is full; the checkpoints before this one are kept.
        """
        header = {"identity": self.identity, "epochs": epochs, **about}
        contiguous = {name: value.contiguous() for name, value in tensors.items()}
        with atomic_write(self.folder / f"epoch_{epochs:06d}.safetensors") as path:
            save_file(contiguous, path, {"checkpoint": json.dumps(header)})
        for old in self._files()[:-KEPT]:
            old.unlink()

    def latest(self) -> tuple[int, dict[str, Tensor], dict[str, Any]] | None:
        """Epochs, tensors and the rest of the newest usable checkpoint; None without one."""
        for path in reversed(self._files()):
            try:
                with safe_open(path, "pt") as file:
                    header = json.loads(file.metadata()["checkpoint"])
                    tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
                if header.pop("identity") == self.identity:
                    return header.pop("epochs"), tensors, header
                logger.warning("%s is of another training and is not taken up", path)
            except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
                logger.warning("%s is damaged (%s); the one before it is taken", path, error)
        return None

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob("epoch_*.safetensors"))
