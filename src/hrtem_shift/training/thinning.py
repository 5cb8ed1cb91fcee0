"""Thinning: an image as it would be at a fraction of its dose, computed from its counts.

Each electron is kept with the same chance. Random numbers come from the key of the sample, as in
`noise`, and everything is computed on the CPU: the same numbers on every device.

This module imports numba; import it where networks are trained, not where parameters are read.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import fft
from torch import Tensor

from hrtem_shift.compiled import compiled
from hrtem_shift.errors import InputError
from hrtem_shift.microscope.conditions import Camera
from hrtem_shift.microscope.detector import mtf
from hrtem_shift.preparation.patch_set import PatchSet
from hrtem_shift.training.counter_rng import FIRST, GOLDEN, SECOND, Keys, hashed
from hrtem_shift.training.noise import add_noise

_G, _A, _B = np.uint64(GOLDEN), np.uint64(FIRST), np.uint64(SECOND)
_BITS = np.uint64(0xFFFF)
_S16, _S27, _S30, _S31 = np.uint64(16), np.uint64(27), np.uint64(30), np.uint64(31)
_READ_OUT = 2**41
"""Number of a sample that is the key of its read noise."""
LARGEST_VARIANCE = 200.0
"""Of a binomial number that is drawn exactly; above, a rounded normal one."""


@dataclass(frozen=True, eq=False)
class Exposure:
    """How standardized patches came from electrons.

    Parameters
    ----------
    mean_e, std_e : ndarray of float64, shape (N,)
        Of the whole micrograph of each patch, in electrons per pixel: x = (electrons - mean) / std.
    camera : Camera
        Its dqe_zero, spot_std_px and read_noise_e.
    """

    mean_e: NDArray[np.float64]
    std_e: NDArray[np.float64]
    camera: Camera


def exposure_of(patch_set: PatchSet, camera: Camera) -> Exposure:
    """Exposure of each patch of a set whose micrographs were standardized, and nothing else.

    Raises
    ------
    InputError
        The set was cut by an older version, which did not note the standard deviation of counts.
    """
    if "std_counts" not in patch_set.micrographs:
        raise InputError(
            "the standard deviation of its counts is not known",
            where=f"patch set {patch_set.name}",
            why="Electrons are thinned in counts, and an older version of the program cut it",
            fix="Delete its folder in data/05_model_input, and run the preprocessing again",
        )
    of = patch_set.micrographs.set_index("micrograph").loc[patch_set.index["micrograph"]]
    gain, dark = camera.counts_per_electron, camera.dark_counts
    mean, std = (of[f"{name}_counts"].to_numpy(np.float64) for name in ("mean", "std"))
    return Exposure((mean - dark) / gain, std / gain, camera)


def thin(
    images: Tensor, kept: NDArray[np.float64], keys: Keys, exposure: Exposure, patches: NDArray
) -> tuple[Tensor, NDArray[np.float32]]:
    """Standardized patches as if only a share of their electrons had arrived.

    Parameters
    ----------
    images : Tensor of float32, shape (M, p, p)
        x = (electrons - mean) / std; left unchanged.
    kept : ndarray of float64, shape (M,)
        Share of the electrons that is kept, above 0; 1 leaves an image as it is.
    keys : ndarray of uint64, shape (M,)
        Of the samples.
    exposure : Exposure
        Of the patch set.
    patches : ndarray of int64, shape (M,)
        Index of each image in the patch set.

    Returns
    -------
    thinned : Tensor of float32, shape (M, p, p)
        Standardized again, by the mean and the standard deviation that the whole thinned
        micrograph is expected to have.
    scale : ndarray of float32, shape (M,)
        What a pixel without noise is multiplied by.

    Notes
    -----
    With n electrons in a pixel, k of Binomial(n, kept) stay. For an ideal camera the result is k:
    exactly Poisson where n was. A real camera has recorded c in place of n: a sum of spots of
    random strength, with read noise. Then c becomes

        kept c + (k - kept n) / sqrt(dqe_zero), spread by the spot, + sqrt(1 - kept²) read noise

    with n = c, rounded and not below 0. Mean and noise power spectrum are those of an exposure
    with the smaller dose. What is approximate: the distribution of the noise (strengths of spots
    are not drawn anew; from 884 to 80 e/Å² its skewness is about half), doses near the read noise
    (n < 0), and the border of a patch, where the spot is periodic. Blur before the Poisson
    noise and errors of the gain stay as they are.
    """
    result = images.cpu().numpy().copy()
    scale = np.ones(len(result), np.float32)
    camera, edge = exposure.camera, result.shape[-1]
    spot = camera.model_copy(update={"scatter_std_px": 0.0})
    down, across = mtf(fft.fftfreq(edge), spot), mtf(fft.rfftfreq(edge), spot)
    transfer = (down[:, None] * across).astype(np.float32)
    power = float((mtf(fft.fftfreq(edge), spot) ** 2).mean() ** 2)
    read = camera.read_noise_e
    for k in np.flatnonzero(kept < 1):
        share, mean, std = kept[k], exposure.mean_e[patches[k]], exposure.std_e[patches[k]]
        electrons = mean + std * result[k].astype(np.float64)
        noise = _deviations(np.maximum(np.rint(electrons), 0).reshape(-1), share, keys[k])
        noise = noise.reshape(edge, edge) / np.float32(np.sqrt(camera.dqe_zero))
        if camera.spot_std_px > 0:
            noise = fft.irfft2(fft.rfft2(noise) * transfer, s=noise.shape)
        if read > 0:
            noise += np.float32(np.sqrt(1 - share**2) * read) * _white(keys[k : k + 1], edge)
        shot = share * (1 - share) * max(mean, 0.0) / camera.dqe_zero * power
        spread = np.sqrt((share * std) ** 2 + shot + (1 - share**2) * read**2)
        scale[k] = share * std / spread
        result[k] = scale[k] * result[k] + noise / np.float32(spread)
    return torch.from_numpy(result).to(images.device), scale


def _white(keys: Keys, edge: int) -> NDArray[np.float32]:
    """Normal numbers (p, p) of variance 1."""
    nothing, std = torch.zeros((1, edge, edge)), np.ones(1, np.float32)
    drawn = add_noise(nothing, std, hashed(keys, _READ_OUT)).numpy()[0]
    return np.sqrt(np.float32(2)) * drawn


def _deviations(electrons: NDArray[np.float64], kept: float, key: np.uint64) -> NDArray[np.float32]:
    """k - kept n of each pixel, k of Binomial(n, kept)."""
    result = np.empty(len(electrons), np.float32)
    _draw(electrons, float(kept), key, result)
    return result


@compiled
def _draw(electrons, kept, key, result):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    rare = min(kept, 1 - kept)  # the rarer of kept and lost is counted, and the sign follows
    sign = 1.0 if kept <= 0.5 else -1.0
    ratio, none = rare / (1 - rare), np.log1p(-rare)
    counter = key
    for first in range(0, len(electrons), 4):
        counter += _G
        z = (counter ^ (counter >> _S30)) * _A
        z = (z ^ (z >> _S27)) * _B
        z = z ^ (z >> _S31)
        for pixel in range(first, min(first + 4, len(electrons))):
            n, level = electrons[pixel], (float(z & _BITS) + 0.5) / 65536
            z = z >> _S16
            variance = n * rare * (1 - rare)
            if variance > LARGEST_VARIANCE:
                counted = min(max(np.rint(n * rare + np.sqrt(variance) * _normal(level)), 0.0), n)
            else:
                chance = np.exp(n * none)
                below, counted = chance, 0.0
                while below < level and counted < n:
                    chance *= ratio * (n - counted) / (counted + 1)
                    counted += 1
                    below += chance
            result[pixel] = sign * (counted - n * rare)


@compiled
def _normal(level):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Normal quantile to 4.5e-4 (Abramowitz and Stegun 26.2.23)."""
    t = np.sqrt(-2 * np.log(min(level, 1 - level)))
    above = 2.515517 + t * (0.802853 + t * 0.010328)
    below = 1 + t * (1.432788 + t * (0.189269 + t * 0.001308))
    quantile = t - above / below
    return quantile if level > 0.5 else -quantile
