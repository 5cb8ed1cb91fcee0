"""Random numbers that are computed from their address instead of being drawn in turn.

A sample is addressed by (seed, pass, patch): its key is a hash of the three, and its n-th
number a hash of key and n (Steele, Lea & Flood, SplitMix64, doi 10.1145/2660193.2660195). So a
sample is the same alone or in a batch, whoever computes it, and a whole batch costs a few
vectorised operations. The integers are those of numpy; `noise` has them on any device.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from hrtem_shift.seeds import seed_at
from hrtem_shift.training.recipe import TrainingNoise

Keys = NDArray[np.uint64]

GOLDEN = 0x9E3779B97F4A7C15
FIRST, SECOND = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
_OWN = 2**40
"""A sample's own numbers begin here; those below belong to its pixels."""


@dataclass(frozen=True)
class Samples:
    """Patches that are to be augmented, M in all, of one member or of several.

    Parameters
    ----------
    patches : ndarray of int64, shape (M,)
        Index into the patch set.
    passes : ndarray of int64, shape (M,)
        How often this member has gone through its patches before.
    streams : ndarray of uint64, shape (M,)
        From `stream_of`: whose numbers these are.
    rho : ndarray of float32, shape (M,)
        Strength of the added noise.
    uniform : ndarray of bool, shape (M,)
        Whether its standard deviation is drawn from U(0, rho) instead of being rho.
    """

    patches: NDArray[np.int64]
    passes: NDArray[np.int64]
    streams: Keys
    rho: NDArray[np.float32]
    uniform: NDArray[np.bool_]

    def __getitem__(self, part: slice) -> Samples:
        """Some of them."""
        return Samples(**{name: getattr(self, name)[part] for name in _FIELDS})


_FIELDS = tuple(field.name for field in fields(Samples))


@dataclass(frozen=True)
class Augmentations:
    """What chance decided for each of M samples."""

    keys: Keys
    noise_std: NDArray[np.float32]
    affine: NDArray[np.float32]
    """(M, 2, 2): from the place of a result's pixel (row, column), counted from the centre, to
    the place in the patch that it shows."""


def stream_of(seed: int, purpose: str) -> np.uint64:
    """64-bit number that stands for a seed and what it is used for."""
    return np.uint64(seed_at(seed, purpose) % 2**64)


def samples_of(
    patches: NDArray[np.int64],
    passes: NDArray[np.int64] | int,
    *,
    stream: np.uint64,
    noise: TrainingNoise,
) -> Samples:
    """Samples of one member."""
    count = len(patches)
    return Samples(
        patches,
        np.broadcast_to(np.asarray(passes, np.int64), (count,)),
        np.full(count, stream, np.uint64),
        np.full(count, noise.rho, np.float32),
        np.full(count, noise.mode == "uniform"),
    )


def interleave(members: list[Samples]) -> Samples:
    """Samples of K members of equal length, sample by sample: (0, 0), (0, 1) ... (1, 0) ..."""
    columns = {name: [getattr(one, name) for one in members] for name in _FIELDS}
    return Samples(**{name: np.stack(c, axis=1).reshape(-1) for name, c in columns.items()})


def sample_augmentations(samples: Samples, rotation_probability: float) -> Augmentations:
    """Noise, orientation and angle of each sample.

    In eight successive passes a patch shows each of its eight dihedral images once, from a
    start that is drawn; some are then rotated by an angle of U(0, 360) degrees.
    """
    keys = keys_at(samples.streams, samples.passes, samples.patches)
    starts = keys_at(samples.streams, -1 - samples.passes // 8, samples.patches)
    orientations = (8 * uniforms(starts, 0)).astype(np.int64) + samples.passes
    rotated = uniforms(keys, 0) < rotation_probability
    angles = np.where(rotated, 2 * np.pi * uniforms(keys, 1), 0.0)
    return Augmentations(keys, noise_std(samples, keys), _affine_of(orientations % 8, angles))


def noise_std(samples: Samples, keys: Keys) -> NDArray[np.float32]:
    """Standard deviation of the noise of each sample, before the image is rescaled."""
    return (np.where(samples.uniform, uniforms(keys, 2), 1) * samples.rho).astype(np.float32)


def keys_at(streams: Keys, passes: NDArray[np.int64], patches: NDArray[np.int64]) -> Keys:
    """Key of each sample."""
    return hashed(hashed(streams, passes), patches)


def uniforms(keys: Keys, number: int) -> NDArray[np.float64]:
    """One of each sample's own numbers, in [0, 1)."""
    return (hashed(keys, _OWN + number) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def hashed(keys: Keys, counters: NDArray[np.int64] | int) -> Keys:
    """64 random bits for each key and counter."""
    z = keys + (np.atleast_1d(counters).astype(np.uint64) + np.uint64(1)) * np.uint64(GOLDEN)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(FIRST)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(SECOND)
    return z ^ (z >> np.uint64(31))


def _affine_of(orientations: NDArray[np.int64], angles: NDArray[np.float64]) -> NDArray[np.float32]:
    """Quarter turns and mirrors, which are exact, after a rotation."""
    quarter, mirror = np.divmod(orientations, 2)
    down, across = np.array([1, 0, -1, 0])[quarter], np.array([0, 1, 0, -1])[quarter]
    side = 1 - 2 * mirror
    exact = np.array([[down, -across * side], [across, down * side]]).transpose(2, 0, 1)
    cos, sin = np.cos(angles), np.sin(angles)
    rotation = np.array([[cos, -sin], [sin, cos]]).transpose(2, 0, 1)
    return (exact @ rotation).astype(np.float32)
