"""A small patch set with bright discs that a network learns in seconds."""

import numpy as np
import pandas as pd
import pytest

from hrtem_shift.preparation.folds import fold_of_groups
from hrtem_shift.preparation.patch_set import PatchSet


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


@pytest.fixture
def discs():
    return disc_patch_set()
