"""Readers of image and mask files: a valid array, or an `InputError`, whatever the bytes.

The content of a file decides how it is read, never its suffix. Third-party decoders fail
with many exception classes, and some return half an image for half a file, so lengths and
checksums are compared before anything is decoded.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hrtem_shift.errors import InputError
from hrtem_shift.micrographs import containers

_KINDS: dict[bytes, Callable[[Path], NDArray]] = {
    b"\x89PNG\r\n\x1a\n": containers.decode_png,
    b"II*\0": containers.decode_tiff,
    b"MM\0*": containers.decode_tiff,
    b"II+\0": containers.decode_tiff,
    b"MM\0+": containers.decode_tiff,
    b"\0\0\0\3": containers.decode_dm,
    b"\0\0\0\4": containers.decode_dm,
}


def read_image(path: Path) -> NDArray[np.float32]:
    """Read one grey image.

    Parameters
    ----------
    path : Path
        TIFF, PNG, or Gatan dm3 or dm4. Colour is read where its channels are equal.

    Returns
    -------
    ndarray of float32, shape (H, W)
        Intensities as stored.

    Raises
    ------
    InputError
        No such file; not an image; damaged or cut short; a stack, colour or complex
        numbers; larger than 12288 x 12288 pixels; NaN or infinite pixels; all pixels equal.
    """
    path = Path(path)
    stored = _grey(_decode(path), path)
    if stored.dtype.kind not in "iuf":
        raise containers.unusable(
            path,
            f"pixels are of type {stored.dtype}",
            "Intensities are real numbers",
            "Export the image itself, not its Fourier transform",
        )
    with np.errstate(over="ignore"):
        pixels = stored.astype(np.float32)
    _check_intensities(pixels, path)
    return pixels


def read_mask(path: Path) -> NDArray[np.bool_]:
    """Read one mask: 255 on particles, 0 elsewhere.

    Parameters
    ----------
    path : Path
        8-bit PNG or TIFF of one channel, or of equal channels.

    Returns
    -------
    ndarray of bool, shape (H, W)
        True on particles; may be False everywhere.

    Raises
    ------
    InputError
        As `read_image` (constant masks are legal), and for other depths or values.
    """
    path = Path(path)
    stored = _grey(_decode(path), path)
    if stored.dtype != np.uint8:
        raise containers.unusable(
            path,
            f"the mask is stored as {stored.dtype}",
            "A mask is an 8-bit image with 0 on background and 255 on particles",
            "Save it as an 8-bit PNG",
        )
    values = np.flatnonzero(np.bincount(stored.ravel(), minlength=256))
    strange = [str(value) for value in values if value not in (0, 255)]
    if strange:
        shown = ", ".join(strange[:8]) + (f" and {len(strange) - 8} more" if strange[8:] else "")
        raise containers.unusable(
            path,
            f"the mask holds values other than 0 and 255: {shown}",
            "Anything between or beyond cannot be told to be particle or background",
            "Save it without smoothing or lossy compression, with 0 and 255 only",
        )
    return stored == 255


def _decode(path: Path) -> NDArray:
    decode = _decoder_of(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # decoders warn of what is checked here anyway
            stored = decode(path)
    except InputError:
        raise
    except Exception as error:  # their own classes are many: struct.error, zlib.error, Box...
        reason = (str(error).splitlines() or [type(error).__name__])[0].strip(" .")
        raise containers.unusable(
            path,
            f"cannot be decoded ({type(error).__name__}: {reason})",
            "The file is damaged, cut short, or of a variant that is not supported",
            "Copy it again from its source, or export it as an uncompressed TIFF",
        ) from error
    return stored.astype(np.uint8) * np.uint8(255) if stored.dtype == bool else stored


def _decoder_of(path: Path) -> Callable[[Path], NDArray]:
    try:
        with path.open("rb") as file:
            start = file.read(8)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise containers.unusable(
            path,
            f"cannot be opened ({reason or error})",
            "Each micrograph needs this file",
            "Check its name, including upper and lower case, and that you may read it",
        ) from error
    if not start:
        raise containers.unusable(
            path, "the file is empty (0 bytes)", "It holds no image", "Copy it again"
        )
    for magic, decode in _KINDS.items():
        if start.startswith(magic):
            return decode
    raise containers.unusable(
        path,
        f"not a TIFF, PNG, dm3 or dm4 file (it begins with {start!r})",
        "The content decides how a file is read, not its suffix",
        "Export the image as TIFF, PNG or dm3",
    )


def _grey(stored: NDArray, path: Path) -> NDArray:
    if stored.ndim == 3 and stored.shape[-1] == 2:  # grey and transparency
        return stored[..., 0]
    if stored.ndim == 3 and stored.shape[-1] in (3, 4):
        first = stored[..., 0]
        if (first == stored[..., 1]).all() and (first == stored[..., 2]).all():
            return first
        raise containers.unusable(
            path,
            "a colour image whose channels differ",
            "Which colour means which intensity is not known",
            "Export the grey image, without colour map or burned-in marks",
        )
    if stored.ndim != 2:
        raise containers.not_one_image(path, f"an array of shape {stored.shape}")
    return stored


def _check_intensities(pixels: NDArray[np.float32], path: Path) -> None:
    if pixels.size == 0:
        raise containers.unusable(
            path, f"an image of shape {pixels.shape}", "It has no pixels", "Export it again"
        )
    strange = int(pixels.size - np.count_nonzero(np.isfinite(pixels)))
    if strange:
        raise containers.unusable(
            path,
            f"{strange} of {pixels.size} pixels are NaN or infinite",
            "They would spread over the whole image when it is rescaled",
            "Replace them, for example by the median of their neighbours",
        )
    if pixels.min() == pixels.max():
        raise containers.unusable(
            path,
            f"all pixels have the value {pixels.flat[0]:g}",
            "An image without contrast (standard deviation 0) cannot be rescaled",
            "Check the export, or leave this image out",
        )
