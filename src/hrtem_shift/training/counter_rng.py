"""A counter-based random number generator: a number is a hash of its address (SplitMix64).

The key of a sample is a hash of (seed, pass, patch), and its n-th number a hash of key and n
(Steele, Lea & Flood, doi 10.1145/2660193.2660195). So a sample is the same alone or in a batch
and in any process, and a batch takes a few vectorised operations of numpy. `noise` computes the
same integers on any device.
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
_SAMPLE = 2**40
"""Numbers of a sample begin here; smaller ones are those of its pixels."""


@dataclass(frozen=True)
class Samples:
    """M patches to augment, of one network or of several.

    Parameters
    ----------
    patches : ndarray of int64, shape (M,)
        Index into the patch set.
    passes : ndarray of int64, shape (M,)
        How often this network has used all of its patches before.
    streams : ndarray of uint64, shape (M,)
        Random stream of the network, from `stream_of`.
    rho : ndarray of float32, shape (M,)
        Strength of the added noise, or share of the electrons that is kept.
    uniform : ndarray of bool, shape (M,)
        Whether it is drawn: a standard deviation from U(0, rho), or a share from rho to 1.
    thins : ndarray of bool, shape (M,)
        Whether electrons are taken away, and not noise added.
    """

    patches: NDArray[np.int64]
    passes: NDArray[np.int64]
    streams: Keys
    rho: NDArray[np.float32]
    uniform: NDArray[np.bool_]
    thins: NDArray[np.bool_]

    def __getitem__(self, part: slice) -> Samples:
        """A slice of the samples."""
        return Samples(**{name: getattr(self, name)[part] for name in _FIELDS})


_FIELDS = tuple(field.name for field in fields(Samples))


@dataclass(frozen=True)
class Augmentations:
    """Random choices for each of M samples."""

    keys: Keys
    noise_std: NDArray[np.float32]
    affine: NDArray[np.float32]
    """(M, 2, 2): maps (row, column) of the result, counted from the centre, to the patch."""


def stream_of(seed: int, purpose: str) -> np.uint64:
    """64-bit key of a seed and its purpose."""
    return np.uint64(seed_at(seed, purpose) % 2**64)


def samples_of(
    patches: NDArray[np.int64],
    passes: NDArray[np.int64] | int,
    *,
    stream: np.uint64,
    noise: TrainingNoise,
) -> Samples:
    """Samples of one network."""
    count = len(patches)
    return Samples(
        patches,
        np.broadcast_to(np.asarray(passes, np.int64), (count,)),
        np.full(count, stream, np.uint64),
        np.full(count, noise.rho, np.float32),
        np.full(count, noise.mode in ("uniform", "mixed_thinning")),
        np.full(count, noise.thins),
    )


def interleave(members: list[Samples]) -> Samples:
    """Samples of K networks, equally many each: (0, 0), (0, 1) ... (1, 0) as (sample, network)."""
    columns = {name: [getattr(member, name) for member in members] for name in _FIELDS}
    return Samples(**{name: np.stack(c, axis=1).reshape(-1) for name, c in columns.items()})


def sample_augmentations(samples: Samples, rotation_probability: float) -> Augmentations:
    """Noise, orientation and angle of each sample.

    In eight successive passes a patch takes each of its eight dihedral images once, beginning
    with a random one; some are then rotated by an angle of U(0, 360) degrees.
    """
    keys = keys_at(samples.streams, samples.passes, samples.patches)
    starts = keys_at(samples.streams, -1 - samples.passes // 8, samples.patches)
    orientations = (8 * uniforms(starts, 0)).astype(np.int64) + samples.passes
    rotated = uniforms(keys, 0) < rotation_probability
    angles = np.where(rotated, 2 * np.pi * uniforms(keys, 1), 0.0)
    return Augmentations(keys, noise_std(samples, keys), _affine_of(orientations % 8, angles))


def noise_std(samples: Samples, keys: Keys) -> NDArray[np.float32]:
    """Standard deviation of the noise of each sample, before the image is rescaled."""
    std = np.where(samples.uniform, uniforms(keys, 2), 1) * samples.rho
    return np.where(samples.thins, 0, std).astype(np.float32)


def kept_share(samples: Samples, keys: Keys) -> NDArray[np.float64]:
    """Share of the electrons of each sample that is kept: 1 where none is taken away."""
    power = np.where(samples.uniform, uniforms(keys, 2), 1)
    return np.where(samples.thins, np.maximum(samples.rho, 1e-6).astype(np.float64) ** power, 1.0)


def keys_at(streams: Keys, passes: NDArray[np.int64], patches: NDArray[np.int64]) -> Keys:
    """Key of each sample."""
    return hashed(hashed(streams, passes), patches)


def uniforms(keys: Keys, number: int) -> NDArray[np.float64]:
    """Number `number` of each sample, uniform in [0, 1)."""
    return (hashed(keys, _SAMPLE + number) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def hashed(keys: Keys, counters: NDArray[np.int64] | int) -> Keys:
    """64 random bits for each key and counter."""
    z = keys + (np.atleast_1d(counters).astype(np.uint64) + np.uint64(1)) * np.uint64(GOLDEN)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(FIRST)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(SECOND)
    return z ^ (z >> np.uint64(31))


def _affine_of(orientations: NDArray[np.int64], angles: NDArray[np.float64]) -> NDArray[np.float32]:
    """Maps of dihedral images, which are exact, after a rotation."""
    quarter, mirror = np.divmod(orientations, 2)
    down, across = np.array([1, 0, -1, 0])[quarter], np.array([0, 1, 0, -1])[quarter]
    side = 1 - 2 * mirror
    exact = np.array([[down, -across * side], [across, down * side]]).transpose(2, 0, 1)
    cos, sin = np.cos(angles), np.sin(angles)
    rotation = np.array([[cos, -sin], [sin, cos]]).transpose(2, 0, 1)
    return (exact @ rotation).astype(np.float32)
