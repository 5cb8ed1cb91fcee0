"""Reduce stored channels to one grey channel; channels that clearly differ are refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hrtem_shift.micrographs.decoded_image import file_error, not_one_image

NEARLY_GREY = 12 / 255
"""Channels may differ by this fraction of the range, as after lossy compression of a grey image."""
_NEARLY_ALL = 99.5
_LUMA = (0.299, 0.587, 0.114)  # what JPEG keeps as brightness (ITU-R BT.601)


def grey_of(stored: NDArray, path: Path, warn: Callable[[str], None]) -> NDArray:
    """One grey channel of a decoded image.

    Parameters
    ----------
    stored : ndarray, shape (H, W) or (H, W, channels)
        The last of two or four channels is opacity.
    path : Path
        What to name in errors and in the warning.
    warn : callable
        Receives one line where channels differ, by no more than `NEARLY_GREY`.

    Returns
    -------
    ndarray, shape (H, W)
        Of the stored type.

    Raises
    ------
    InputError
        Transparency varies, channels differ by more, or their number is another.
    """
    if stored.ndim == 3 and stored.shape[-1] in (2, 4):
        opacity = stored[..., -1]
        if (opacity != opacity.flat[0]).any():
            raise file_error(
                path,
                "an image whose transparency varies",
                "Its visible intensity depends on the background",
                "Export it without an alpha channel",
            )
    if stored.ndim == 3 and stored.shape[-1] == 2:
        return stored[..., 0]
    if stored.ndim == 3 and stored.shape[-1] in (3, 4):
        return _grey_of_colour(stored[..., :3], path, warn)
    if stored.ndim != 2:
        raise not_one_image(path, f"an array of shape {stored.shape}")
    return stored


def _grey_of_colour(colour: NDArray, path: Path, warn: Callable[[str], None]) -> NDArray:
    first, second, third = np.moveaxis(colour, -1, 0)
    if (first == second).all() and (first == third).all():
        return first
    lowest = np.minimum(np.minimum(first, second), third).astype(np.float32)
    differences = np.maximum(np.maximum(first, second), third).astype(np.float32) - lowest
    # Cameras fill a part of 16 bits, and a single hot pixel the rest.
    is_8_bit = colour.dtype == np.uint8
    full_range = 255.0 if is_8_bit else float(np.percentile(colour, _NEARLY_ALL))
    most, limit = float(differences.max()), NEARLY_GREY * full_range
    if not most <= limit:  # NaN, too
        share = float(np.mean(~(differences <= limit)))
        raise file_error(
            path,
            f"a colour image whose channels differ by up to {most:g} of {full_range:g} counts, in "
            f"{share:.2%} of its pixels by more than {limit:.0f}",
            "Which colour means which intensity is not known",
            "Export the grey image, without colour map or burned-in marks",
        )
    warn(
        f"{path}: its colour channels differ by up to {most:g} counts ({differences.mean():.2g} on "
        "average), it is read as grey"
    )
    luma = sum(
        weight * channel.astype(np.float32)
        for weight, channel in zip(_LUMA, (first, second, third), strict=True)
    )
    return np.asarray(np.rint(luma) if colour.dtype.kind in "iu" else luma, colour.dtype)
