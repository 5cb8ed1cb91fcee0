"""Folds by group: patches of one micrograph, or of one scene, never stand on both sides.

The published study cut folds by patch, so that neighbours in one image fell into training
and test; here what belongs together stays together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hrtem_shift.errors import InputError
from hrtem_shift.seeds import seed_at


@dataclass(frozen=True, eq=False)
class Split:
    """Indices of the patches that one network trains on, is chosen by, and is tested on.

    Parameters
    ----------
    train, validation, test : ndarray of int64
        Ascending, without common entries, and without common groups.
    """

    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]


def fold_of_groups(groups: Sequence[str], folds: int, seed: int) -> dict[str, int]:
    """Deal groups into folds of nearly equal size.

    Parameters
    ----------
    groups : sequence of str
        Group of each micrograph; a name that stands there twice counts for two.
    folds : int
        Number of folds, 2 or more.
    seed : int
        Root seed.

    Returns
    -------
    dict
        Group -> fold, 0 to folds - 1, the same for any order of `groups`. Data sets with
        the same groups get the same folds, so a scene that was imaged twice is never
        trained on in one set and tested on in the other.

    Raises
    ------
    InputError
        Fewer groups than folds, or fewer than 2 folds.

    Notes
    -----
    Large groups are dealt first, each to the emptiest fold; equals go in an order that is
    drawn from each group's own name.
    """
    counts = Counter(groups)
    if folds < 2 or len(counts) < folds:
        raise InputError(
            f"{len(counts)} groups of micrographs for {folds} folds",
            where="folds",
            why="Each fold needs a group of its own, and a network a fold that it has not seen",
            fix="Give more micrographs or groups, or set folds between 2 and the number of groups",
        )
    filled = [0] * folds
    fold_of: dict[str, int] = {}
    for group in sorted(counts, key=lambda name: (-counts[name], seed_at(seed, "fold", name))):
        fold_of[group] = filled.index(min(filled))
        filled[fold_of[group]] += counts[group]
    return fold_of


def split(
    fold_of_patch: NDArray,
    group_of_patch: Sequence[str] | NDArray,
    fold: int,
    *,
    validation_fraction: float = 0.125,
    seed: int,
) -> Split:
    """Training, validation and test patches of one fold.

    Parameters
    ----------
    fold_of_patch : ndarray of int, shape (N,)
        Fold of each patch.
    group_of_patch : sequence of str, length N
        Group of each patch.
    fold : int
        The fold to test on.
    validation_fraction : float
        Part of the remaining groups that validate; at least one whole group does.
    seed : int
        Root seed.

    Returns
    -------
    Split
        Covers all N patches.

    Raises
    ------
    InputError
        The fold has no patch, or fewer than two groups remain beside it.
    """
    folds, groups = np.asarray(fold_of_patch), np.asarray(group_of_patch, dtype=object)
    remaining = sorted(
        {str(group) for group in groups[folds != fold]},
        key=lambda name: seed_at(seed, "validation", int(fold), name),
    )
    if not (folds == fold).any() or len(remaining) < 2:
        raise InputError(
            f"{int((folds == fold).sum())} patches in it and {len(remaining)} groups beside it",
            where=f"fold {fold}",
            why="A network needs patches to be tested on, one group to validate on, "
            "and one more to train on",
            fix="Give more micrographs or groups, or keep more patches of them",
        )
    chosen = max(1, min(round(validation_fraction * len(remaining)), len(remaining) - 1))
    validates = np.isin(groups.astype(str), remaining[:chosen]) & (folds != fold)
    return Split(
        train=np.flatnonzero((folds != fold) & ~validates),
        validation=np.flatnonzero(validates),
        test=np.flatnonzero(folds == fold),
    )
