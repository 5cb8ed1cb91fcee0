"""Folds by group: patches of one micrograph, scene or session are never split.

The published study splits by patch, so that neighbours in one image are in training and test;
`published_patchwise` repeats that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from hrtem_shift.errors import InputError
from hrtem_shift.seeds import seed_at

if TYPE_CHECKING:
    import pandas as pd  # parameters are read without it

FoldRule = Literal["micrograph", "session", "published_patchwise", "patchwise"]
"""What never straddles a fold: a micrograph (or the group that it names), a session at the
microscope, or only a patch: in contiguous parts, of shuffled micrographs as published, or in
the order in which ready-made patches come."""

PATCHWISE: tuple[FoldRule, ...] = ("published_patchwise", "patchwise")

PUBLISHED_SHUFFLE = 34522


@dataclass(frozen=True, eq=False)
class Split:
    """Indices of the patches that one network trains on, is chosen by, and is tested on.

    Parameters
    ----------
    train, validation, test : ndarray of int64
        Ascending, without common entries, and without common groups where folds have any.
    """

    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]


def groups_of(inventory: pd.DataFrame, rule: FoldRule) -> dict[str, str]:
    """Group of each micrograph, by which it is assigned to a fold.

    Parameters
    ----------
    inventory : DataFrame
        One row a micrograph: micrograph, group, and for the rule ``session`` that column.
    rule : str
        How folds are cut.

    Returns
    -------
    dict
        Micrograph -> group.

    Raises
    ------
    InputError
        The column is missing, or empty for a micrograph.
    """
    import pandas as pd

    column = "session" if rule == "session" else "group"
    values = inventory.get(column, pd.Series(index=inventory.index, dtype=object))
    empty = values.isna() | (values.astype(str).str.strip() == "")
    if empty.any():
        raise InputError(
            f"{int(empty.sum())} of {len(inventory)} micrographs have no {column}, such as "
            f"{inventory.loc[empty, 'micrograph'].iloc[0]}",
            where=f"folds by {rule}",
            why=f"Micrographs of one {column} must stay in one fold, so each must name its own",
            fix=f"Fill the column {column} of the metadata table, or cut folds by micrograph",
        )
    return dict(zip(inventory["micrograph"].astype(str), values.astype(str), strict=True))


def fold_of_groups(groups: Sequence[str], folds: int, seed: int) -> dict[str, int]:
    """Assign groups to folds of nearly equal size.

    Parameters
    ----------
    groups : sequence of str
        Group of each micrograph, with repetitions.
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
    Large groups are assigned first, each to the emptiest fold; ties are ordered at random by
    a hash of the name.
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


def published_order(micrographs: int) -> NDArray[np.int64]:
    """Order of the micrographs in the published study: shuffled with seed 34522."""
    shuffle = np.random.RandomState(PUBLISHED_SHUFFLE)
    return np.asarray(shuffle.permutation(micrographs), dtype=np.int64)


def contiguous_folds(patches: int, folds: int) -> NDArray[np.int64]:
    """Fold of each patch, ascending: contiguous parts, the first larger by one if need be."""
    parts = np.array_split(np.arange(patches), folds)
    return np.repeat(np.arange(folds), [len(part) for part in parts])


def split(
    fold_of_patch: NDArray,
    group_of_patch: Sequence[str] | NDArray,
    fold: int,
    *,
    validation_fraction: float = 0.125,
    seed: int,
    rule: FoldRule = "micrograph",
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
    rule : str
        How folds were cut. Patchwise rules take the validation patches from the remainder,
        too, by position and not by group.

    Returns
    -------
    Split
        Covers all N patches.

    Raises
    ------
    InputError
        The fold has no patch, or fewer than two groups remain beside it, or too few patches
        for validation.

    Notes
    -----
    arXiv 2306.11853 and its notebooks: without the N // folds patches of a fold, validation is
    the eighth of the remainder (rounded down) that begins where the fold was; for the last
    fold it ends there, and takes what else the remainder has.
    """
    folds, groups = np.asarray(fold_of_patch), np.asarray(group_of_patch, dtype=object)
    if rule in PATCHWISE:
        return _published_split(folds, fold, validation_fraction)
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


def _published_split(folds: NDArray, fold: int, validation_fraction: float) -> Split:
    test, remaining = np.flatnonzero(folds == fold), np.flatnonzero(folds != fold)
    count, chosen = int(folds.max(initial=0)) + 1, int(validation_fraction * len(remaining))
    if len(test) == 0 or chosen == 0:
        raise InputError(
            f"{len(test)} patches in it and {len(remaining)} beside it",
            where=f"fold {fold}",
            why="A network needs patches to be tested on, and to validate on",
            fix="Give more micrographs, or keep more patches of them",
        )
    start = fold * (len(folds) // count)
    validates = slice(start, start + chosen) if fold < count - 1 else slice(start - chosen, None)
    return Split(train=np.delete(remaining, validates), validation=remaining[validates], test=test)
