"""Atoms: positions, elements, and the region of its object that each belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from scipy.spatial.transform import Rotation


@dataclass(frozen=True, eq=False)
class Atoms:
    """Atoms of one object; operations return new ones.

    Attributes
    ----------
    positions_nm : array, shape (N, 3)
        Positions (x, y, z), nm.
    atomic_numbers : array, shape (N,)
        Elements.
    region : array, shape (N,)
        Part of the object: grain, twin variant, core or shell; 0 where there is one only.
    """

    positions_nm: NDArray[np.float64]
    atomic_numbers: NDArray[np.int64]
    region: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.positions_nm)

    @staticmethod
    def of(
        positions_nm: NDArray[np.float64], atomic_numbers: NDArray[np.int64] | int, region: int = 0
    ) -> Atoms:
        """Atoms of one region; a single number is the element of all."""
        positions_nm = np.asarray(positions_nm, dtype=np.float64).reshape(-1, 3)
        elements = np.broadcast_to(np.asarray(atomic_numbers, np.int64), len(positions_nm)).copy()
        return Atoms(positions_nm, elements, np.full(len(positions_nm), region, np.int64))

    @staticmethod
    def joined(parts: Sequence[Atoms]) -> Atoms:
        """All atoms of all parts, in their order."""
        if not parts:
            return Atoms.of(np.empty((0, 3)), 0)
        return Atoms(
            np.concatenate([part.positions_nm for part in parts]),
            np.concatenate([part.atomic_numbers for part in parts]),
            np.concatenate([part.region for part in parts]),
        )

    def select(self, which: NDArray[np.bool_] | NDArray[np.integer]) -> Atoms:
        """Those atoms that a mask or an index array selects."""
        return Atoms(self.positions_nm[which], self.atomic_numbers[which], self.region[which])

    def moved(self, by_nm: NDArray[np.float64] | Sequence[float]) -> Atoms:
        """Shifted by a vector (3,), or each atom by its own (N, 3), nm."""
        return replace(self, positions_nm=self.positions_nm + np.asarray(by_nm, dtype=np.float64))

    def rotated(self, rotation: Rotation) -> Atoms:
        """Turned about the origin."""
        return replace(self, positions_nm=rotation.apply(self.positions_nm).reshape(-1, 3))

    def mirrored(self, normal: ArrayLike) -> Atoms:
        """Reflected in the plane through the origin with this normal (3,)."""
        return replace(self, positions_nm=self.positions_nm @ reflection(normal))

    def inverted(self) -> Atoms:
        """Inverted through the origin."""
        return replace(self, positions_nm=-self.positions_nm)

    def with_region(self, region: int) -> Atoms:
        """All in one region."""
        return replace(self, region=np.full(len(self), region, np.int64))


def reflection(normal: ArrayLike) -> NDArray[np.float64]:
    """Matrix (3, 3) of the reflection in a plane through the origin, 1 - 2 n n."""
    n = np.asarray(normal, dtype=np.float64).reshape(3)
    n = n / np.linalg.norm(n)
    return np.eye(3) - 2 * np.outer(n, n)
