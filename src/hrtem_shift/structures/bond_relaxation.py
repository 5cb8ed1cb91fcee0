"""Compiled loops of the bond network: near pairs, bonds, and sweeps that restore distances.

Positions are changed in place. Boxes repeat along all three axes. Pairs stand in two arrays of
atom numbers, in the order of a cell list, so that the same start gives the same bytes.

This module imports numba; import it where atoms are made, not where parameters are read.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hrtem_shift.compiled import compiled

FREE, BOND, ACROSS_THREEFOLD, ACROSS_FOURFOLD = 0, 1, 2, 3
"""Kinds of pairs: strangers, bonded, both bonded to one threefold or fourfold atom."""
MOST_BONDS = 4
BINS = 64

Floats = NDArray[np.float64]
Numbers = NDArray[np.int32]


@compiled
def near_pairs(
    positions: Floats, size: Floats, cutoff: float, first: Numbers, second: Numbers
) -> int:
    """Wrap positions into the box and list every pair nearer than `cutoff` once.

    Fills `first` and `second`, which have room to spare, and returns how many pairs there
    are, or -1 where the room did not do. The box is at least three cutoffs wide.
    """
    count = len(positions)
    nx, ny, nz = int(size[0] / cutoff), int(size[1] / cutoff), int(size[2] / cutoff)
    begin = np.zeros(nx * ny * nz + 1, np.int32)
    cell = np.empty(count, np.int32)
    for i in range(count):
        for axis in range(3):
            while positions[i, axis] < 0:
                positions[i, axis] += size[axis]
            while positions[i, axis] >= size[axis]:
                positions[i, axis] -= size[axis]
        cx = min(int(positions[i, 0] * (nx / size[0])), nx - 1)
        cy = min(int(positions[i, 1] * (ny / size[1])), ny - 1)
        cz = min(int(positions[i, 2] * (nz / size[2])), nz - 1)
        cell[i] = (cx * ny + cy) * nz + cz
        begin[cell[i] + 1] += 1
    for c in range(nx * ny * nz):
        begin[c + 1] += begin[c]
    order = np.empty(count, np.int32)
    next_slot = begin[:-1].copy()
    sorted_ = np.empty((count, 3))
    for i in range(count):
        order[next_slot[cell[i]]] = i
        for axis in range(3):
            sorted_[next_slot[cell[i]], axis] = positions[i, axis]
        next_slot[cell[i]] += 1
    room = len(first) - 1
    pairs = 0
    cutoff2 = cutoff * cutoff
    for column in range(nx * ny):
        cx, cy = column // ny, column % ny
        for row in range(5):  # half of the nine columns of cells around: (x, y) =
            jx = cx if row < 2 else cx + 1  # (0, 0), (0, 1), (1, -1), (1, 0), (1, 1)
            jy = cy + row if row < 2 else cy + row - 3
            shift_x = size[0] if jx == nx else 0.0
            shift_y = size[1] if jy == ny else (-size[1] if jy < 0 else 0.0)
            other = ((jx % nx) * ny + jy % ny) * nz
            for cz in range(nz):
                here = column * nz + cz
                for part in range(3):  # the run of cells cz-1..cz+1, and what wraps around
                    shift_z = 0.0
                    low, high = begin[other + max(cz - 1, 0)], begin[other + min(cz + 2, nz)]
                    if part == 1:
                        if cz > 0 or row == 0:
                            continue
                        low, high, shift_z = begin[other + nz - 1], begin[other + nz], -size[2]
                    elif part == 2:
                        if cz < nz - 1:
                            continue
                        low, high, shift_z = begin[other], begin[other + 1], size[2]
                    if pairs + (begin[here + 1] - begin[here]) * (high - low) > room:
                        return -1
                    for a in range(begin[here], begin[here + 1]):
                        x = sorted_[a, 0] - shift_x
                        y = sorted_[a, 1] - shift_y
                        z = sorted_[a, 2] - shift_z
                        for b in range(a + 1 if row == 0 and part == 0 else low, high):
                            dx, dy, dz = sorted_[b, 0] - x, sorted_[b, 1] - y, sorted_[b, 2] - z
                            # Write always, keep when near: no branch to be mispredicted.
                            first[pairs], second[pairs] = order[a], order[b]
                            pairs += dx * dx + dy * dy + dz * dz < cutoff2
    return pairs


@compiled
def _distance2(positions, size, i, j):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    total = 0.0
    for axis in range(3):
        d = abs(positions[i, axis] - positions[j, axis])
        d = min(d, size[axis] - d)
        total += d * d
    return total


@compiled
def form_bonds(
    positions: Floats,
    size: Floats,
    first: Numbers,
    second: Numbers,
    longest: float,
    valence: NDArray[np.int8],
    kind: NDArray[np.int8],
) -> None:
    """Bond the nearest pairs first, up to each atom's valence, and write the kind of each pair.

    A second round bonds atoms that are left with one or two bonds to full threefold ones,
    which become fourfold. No bond closes a ring of three or four.
    """
    count = len(positions)
    bonds = np.empty((count, MOST_BONDS), np.int32)
    degree = np.zeros(count, np.int32)
    begin = np.zeros(BINS + 2, np.int32)
    bin_ = np.empty(len(first), np.int32)
    for p in range(len(first)):
        distance = np.sqrt(_distance2(positions, size, first[p], second[p]))
        bin_[p] = min(int(distance * (BINS / longest)), BINS)
        begin[bin_[p] + 1] += 1
        kind[p] = FREE
    for b in range(BINS + 1):
        begin[b + 1] += begin[b]
    candidates = np.empty(begin[BINS], np.int32)
    for p in range(len(first)):
        if bin_[p] < BINS:
            candidates[begin[bin_[p]]] = p
            begin[bin_[p]] += 1
    for turn in range(2):
        for p in candidates:
            i, j = first[p], second[p]
            if turn == 0:
                if degree[i] >= valence[i] or degree[j] >= valence[j]:
                    continue
            elif kind[p] == BOND or max(degree[i], degree[j]) > 3 or min(degree[i], degree[j]) > 2:
                continue
            if not _closes_small_ring(bonds, degree, i, j):
                bonds[i, degree[i]], bonds[j, degree[j]] = j, i
                degree[i] += 1
                degree[j] += 1
                kind[p] = BOND
    for p in range(len(first)):
        if kind[p] == FREE:
            i, j = first[p], second[p]
            for a in range(degree[i]):
                for b in range(degree[j]):
                    if bonds[i, a] == bonds[j, b]:
                        full = degree[bonds[i, a]] == MOST_BONDS
                        kind[p] = ACROSS_FOURFOLD if full else ACROSS_THREEFOLD


@compiled
def _closes_small_ring(bonds, degree, i, j):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Whether i and j share a neighbour, or have neighbours that are bonded."""
    for a in range(degree[i]):
        k = bonds[i, a]
        for b in range(degree[j]):
            if bonds[j, b] == k:
                return True
            for c in range(degree[k]):
                if bonds[k, c] == bonds[j, b]:
                    return True
    return False


@compiled
def restore_distances(
    positions: Floats,
    size: Floats,
    first: Numbers,
    second: Numbers,
    kind: NDArray[np.int8],
    target: Floats,
    stiffness: Floats,
    sweeps: int,
) -> None:
    """Move the two atoms of every pair towards the distance of its kind, pair after pair.

    `target` and `stiffness` have one value a kind; strangers are only pushed apart.
    Stiffness 1 restores a distance wholly, for as long as no other pair changes it.
    """
    target2 = target * target
    half_x, half_y, half_z = size[0] / 2, size[1] / 2, size[2] / 2
    for _ in range(sweeps):
        for p in range(len(first)):
            i, j = first[p], second[p]
            dx = positions[j, 0] - positions[i, 0]
            dy = positions[j, 1] - positions[i, 1]
            dz = positions[j, 2] - positions[i, 2]
            if abs(dx) > half_x:
                dx -= size[0] if dx > 0 else -size[0]
            if abs(dy) > half_y:
                dy -= size[1] if dy > 0 else -size[1]
            if abs(dz) > half_z:
                dz -= size[2] if dz > 0 else -size[2]
            r2 = dx * dx + dy * dy + dz * dz + 1e-12
            t2 = target2[kind[p]]
            if kind[p] == FREE and r2 >= t2:
                continue
            # (r - t) / r to first order in r - t, without a root
            f = 0.5 * stiffness[kind[p]] * (r2 - t2) / (r2 + t2)
            positions[i, 0] += f * dx
            positions[i, 1] += f * dy
            positions[i, 2] += f * dz
            positions[j, 0] -= f * dx
            positions[j, 1] -= f * dy
            positions[j, 2] -= f * dz


@compiled
def count_nearer(
    positions: Floats, size: Floats, first: Numbers, second: Numbers, distance: float
) -> int:
    """How many of the pairs are nearer than a distance."""
    nearer = 0
    for p in range(len(first)):
        nearer += _distance2(positions, size, first[p], second[p]) < distance * distance
    return nearer
