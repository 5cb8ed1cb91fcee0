"""A small patch set with bright discs, and a pack of networks that learns it in a second."""

from contextlib import contextmanager

import numpy as np
import pandas as pd
import torch

from hrtem_shift.networks.weights import weights_fingerprint
from hrtem_shift.preparation.folds import fold_of_groups, split
from hrtem_shift.preparation.patch_set import PatchSet
from hrtem_shift.training.device_patches import to_device
from hrtem_shift.training.loop import NetworkSpec
from hrtem_shift.training.recipe import Recipe, TrainingNoise

RECIPE = Recipe(
    epochs=6,
    batch_size=8,
    learning_rate=0.01,
    schedule="one_cycle",
    rotation_probability=0.5,
    precision="float32",
)
NOISES = (TrainingNoise(), TrainingNoise(rho=0.5), TrainingNoise(mode="uniform", rho=1))


def disc_patch_set(name="discs", n=24, size=32, contrast=2.0, seed=0) -> PatchSet:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size]
    centres = rng.uniform(size * 0.3, size * 0.7, (n, 2))
    masks = np.stack([(y - a) ** 2 + (x - b) ** 2 < (size / 4) ** 2 for a, b in centres])
    images = rng.normal(size=masks.shape) - contrast * masks
    images = (images - images.mean((1, 2), keepdims=True)) / images.std((1, 2), keepdims=True)
    background = [np.median(i[~m]) for i, m in zip(images, masks, strict=True)]
    groups = [f"m{i // 2}" for i in range(n)]
    fold_of = fold_of_groups(groups, 3, 0)
    index = pd.DataFrame(
        {
            "micrograph": groups,
            "group": groups,
            "fold": [fold_of[g] for g in groups],
            "y_px": 0,
            "x_px": 0,
            "pixel_size_nm": 0.1,
        }
    )
    return PatchSet(
        name,
        images.astype(np.float16),
        masks.astype(np.uint8),
        np.array(background, np.float32),
        index,
    )


def parts(patch_set, fold=0):
    """Split of a fold."""
    index = patch_set.index
    return split(index["fold"].to_numpy(), index["group"].to_numpy(), fold, seed=0)


def pack(members=2):
    """Patches, and members of different folds, seeds and noises."""
    patch_set = disc_patch_set()
    splits = [parts(patch_set, k % 3) for k in range(members)]
    return to_device(patch_set, "cpu"), [
        NetworkSpec(one.train, one.validation, NOISES[k % 3], seed=k)
        for k, one in enumerate(splits)
    ]


def weights_of_all(trained):
    """Hash of each network."""
    return [weights_fingerprint(network.weights) for network in trained]


@contextmanager
def one_thread():
    """Torch uses one thread, as in the executors."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
