"""The published training loop, written anew from its description, with the steps of its code.

ScottLabUCB/HRTEM-Generalization, train_test_model_example; arXiv 2306.11853. All patches in
their eight dihedral images as float32 arrays, labels too; a DataLoader with four processes, forked
anew each epoch; half of the samples flipped and rotated by scikit-image, their background a
median that is taken each time; cross-entropy, Adam, and three numbers fetched in each step.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from skimage.transform import rotate
from torch import nn
from torch.utils.data import DataLoader, Dataset

WORKERS, BATCH, LEARNING_RATE = 4, 32, 1e-4


class Patches(Dataset):
    """Images (8 N, 1, p, p) and labels (8 N, p, p) in memory; a worker writes to its own copy."""

    def __init__(self, images: NDArray, masks: NDArray, augmented: bool) -> None:
        self.images = _eightfold(images.astype(np.float32))[:, None]
        self.labels = _eightfold(masks.astype(np.float32))
        self.augmented = augmented

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[NDArray, NDArray]:
        if self.augmented and np.random.random() < 0.5:  # noqa: NPY002
            self._turn(index)
        return self.images[index], self.labels[index]

    def _turn(self, index: int) -> None:
        image, label = self.images[index, 0], self.labels[index]
        side = np.random.choice(["rows", "columns", "none"], p=[0.33, 0.33, 0.34])  # noqa: NPY002
        if side != "none":
            flip = np.flipud if side == "rows" else np.fliplr
            image, label = flip(image), flip(label)
        angle = np.random.uniform(0, 360)  # noqa: NPY002
        level = np.median(image[label == 0]) if (label == 0).any() else 0.0
        self.images[index, 0] = rotate(image, angle, order=1, cval=level, preserve_range=True)
        self.labels[index] = rotate(label, angle, order=1, cval=0, preserve_range=True)


def train(
    network: nn.Module,
    training: Patches,
    validation: Patches,
    epochs: int,
    on_epoch: Callable[[float], bool] = lambda loss: True,
) -> None:
    """Train a network; `on_epoch` receives the validation loss and says whether to go on."""
    workers: dict[str, Any] = {"num_workers": WORKERS, "multiprocessing_context": "fork"}
    shown = DataLoader(training, BATCH, shuffle=True, **workers)
    looked_at = DataLoader(validation, BATCH, **workers)
    optimizer = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE)
    criterion = nn.CrossEntropyLoss()
    for _ in range(epochs):
        network.train()
        for x, labels in shown:
            y = labels.long()
            logits = network(x)
            loss = criterion(logits, y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            loss.item(), *_dice(logits, y)
        network.eval()
        losses = []
        with torch.no_grad():
            for x, labels in looked_at:
                y = labels.long()
                logits = network(x)
                losses.append(criterion(logits, y).item())
                _dice(logits, y)
        if not on_epoch(float(np.mean(losses))):
            return


def _dice(logits: torch.Tensor, y: torch.Tensor) -> tuple[float, float]:
    """Soft and hard Dice of a batch."""
    particle = torch.softmax(logits, dim=1)[:, 1]
    return tuple(
        (((2 * (p * y).sum((1, 2)) + 1) / (p.sum((1, 2)) + y.sum((1, 2)) + 1)).mean().item())
        for p in (particle, particle.round())
    )


def _eightfold(arrays: NDArray) -> NDArray:
    """Each array in its eight dihedral images."""
    turned = [np.rot90(arrays, k, axes=(1, 2)) for k in range(4)]
    return np.concatenate([*turned, *(one[:, :, ::-1] for one in turned)])
