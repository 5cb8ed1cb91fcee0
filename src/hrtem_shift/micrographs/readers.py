"""Readers of image and mask files: a valid array or an `InputError`, for any content.

The content of a file decides how it is read; its suffix only where no content of these formats
is recognised and rosettasciio reads files of that suffix. Third-party decoders fail
with many exception classes, and some return half an image for half a file, so lengths and
checksums are compared before anything is decoded.
"""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hrtem_shift.errors import InputError
from hrtem_shift.micrographs.calibration import check_pixel_size, refuse_reciprocal
from hrtem_shift.micrographs.calibration import pixel_size_nm as stated_pixel_size_nm
from hrtem_shift.micrographs.decoded_image import DecodedImage, file_error
from hrtem_shift.micrographs.gatan import decode_dm
from hrtem_shift.micrographs.grey import grey_of
from hrtem_shift.micrographs.hdf5_zarr import HDF5
from hrtem_shift.micrographs.mrc import HEADER_BYTES, decode_mrc, is_mrc
from hrtem_shift.micrographs.other_formats import READERS
from hrtem_shift.micrographs.png_jpeg import decode_jpeg, decode_png
from hrtem_shift.micrographs.recorded_image import RecordedImage
from hrtem_shift.micrographs.ser import decode_ser
from hrtem_shift.micrographs.subprocess_decoder import decode_in_subprocess
from hrtem_shift.micrographs.tiff import decode_tiff

logger = logging.getLogger(__name__)

_KINDS: dict[bytes, Callable[[Path], DecodedImage]] = {
    b"\x89PNG\r\n\x1a\n": decode_png,
    b"\xff\xd8\xff": decode_jpeg,
    b"II*\0": decode_tiff,
    b"MM\0*": decode_tiff,
    b"II+\0": decode_tiff,
    b"MM\0+": decode_tiff,
    b"\0\0\0\3": decode_dm,
    b"\0\0\0\4": decode_dm,
    b"II\x97\x01": decode_ser,
    HDF5: decode_in_subprocess,
    b"PK\3\4": decode_in_subprocess,
}
_WARNED_DIFFERENCE = 0.01


def read_micrograph(
    path: Path,
    pixel_size_nm: float | None = None,
    *,
    warn: Callable[[str], None] = logger.warning,
) -> RecordedImage:
    """Read one grey image with everything that its file states of it.

    Parameters
    ----------
    path : Path
        Gatan dm3, dm4 or dm5, emd (Velox or Berkeley), ser, mrc, TIFF (plain, Gatan, FEI, TVIPS,
        ImageJ, OME), hspy, zspy, PNG or JPEG; with the extra ``formats`` those of
        `other_formats.READERS`. Of several images in a file, the largest is read.
    pixel_size_nm : float, optional
        Edge of a pixel [nm]; wins over what the file states.
    warn : callable
        Receives one line where what the file states is strange, contradicts what is given or
        does not suffice, such as whether bytes are signed.

    Returns
    -------
    RecordedImage

    Raises
    ------
    InputError
        As `read_image`; and without `pixel_size_nm`, pixels whose edges differ by more than
        1 %, or whose size is not a length above 0. A reciprocal unit is always refused.
    """
    path = Path(path)
    stored = _decode(path)
    for remark in stored.remarks:
        warn(f"{path}: {remark}")
    pixels = _intensities(stored.pixels, path, warn)
    facts = {name: fact for name, fact in stored.facts.items() if name != "electrons_per_px"}
    values = {name: fact.value for name, fact in facts.items()}
    sources = {name: fact.source for name, fact in facts.items()}
    size_nm, source = _pixel_size(stored, pixel_size_nm, path, warn)
    if size_nm:
        sources["pixel_size_nm"] = source
        electrons = stored.facts.get("electrons_per_px")
        if electrons:
            values["dose_e_per_A2"] = electrons.value / (10 * size_nm) ** 2
            sources["dose_e_per_A2"] = f"mean of the pixels times {electrons.source} [e-]"
    if stored.chosen:
        logger.info("%s: read is %s", path, stored.chosen)
    return RecordedImage(
        pixels=pixels,
        kind=stored.kind,
        pixel_size_nm=size_nm,
        sources=sources,
        chosen=stored.chosen,
        **values,
    )


def read_image(path: Path) -> NDArray[np.float32]:
    """Read the pixels of one grey image, whatever its file states of their size.

    Parameters
    ----------
    path : Path
        Any format of `read_micrograph`. Colour is read where its channels are nearly equal.

    Returns
    -------
    ndarray of float32, shape (H, W)
        Intensities as stored.

    Raises
    ------
    InputError
        No such file; not an image; damaged or cut short; a stack, colour or complex
        numbers; more than 800 MiB of pixels; NaN or infinite pixels; all pixels equal.
    """
    path = Path(path)
    return _intensities(_decode(path).pixels, path, _no_warning)


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
    stored = grey_of(_decode(path).pixels, path, _no_warning)
    if stored.dtype == bool:
        stored = stored.astype(np.uint8) * np.uint8(255)
    if stored.dtype != np.uint8:
        raise file_error(
            path,
            f"the mask is stored as {stored.dtype}",
            "A mask is an 8-bit image with 0 on background and 255 on particles",
            "Save it as an 8-bit PNG",
        )
    values = np.flatnonzero(np.bincount(stored.ravel(), minlength=256))
    strange = [str(value) for value in values if value not in (0, 255)]
    if strange:
        shown = ", ".join(strange[:8]) + (f" and {len(strange) - 8} more" if strange[8:] else "")
        raise file_error(
            path,
            f"the mask holds values other than 0 and 255: {shown}",
            "Other values mean neither particle nor background",
            "Save it without smoothing or lossy compression, with 0 and 255 only",
        )
    return stored == 255


def read_labels(path: Path) -> NDArray[np.int32]:
    """Read numbers of particles, or the connected regions of a mask.

    Parameters
    ----------
    path : Path
        PNG or TIFF of whole numbers, 0 on the background. A single value besides is a mask, whose
        connected regions are numbered; several are the numbers of particles.

    Returns
    -------
    ndarray of int32, shape (H, W)
        0 on the background.

    Raises
    ------
    InputError
        As `read_image` (constant labels are legal); the values are no whole numbers, or those of
        a mask that was smoothed.
    """
    from skimage.measure import label

    path = Path(path)
    stored = grey_of(_decode(path).pixels, path, _no_warning)
    if stored.dtype.kind not in "bu" and not (
        np.isfinite(stored).all() and (stored >= 0).all() and (stored == np.rint(stored)).all()
    ):
        raise file_error(
            path,
            f"the labels are stored as {stored.dtype} and hold fractions or values below 0",
            "Labels are whole numbers: 0 on background, another number on each particle",
            "Save it as an 8-bit or 16-bit PNG or TIFF",
        )
    labels = stored.astype(np.int32)
    values, counts = np.unique(labels[labels > 0], return_counts=True)
    if len(values) < 2:
        return label(labels > 0, connectivity=2).astype(np.int32)
    if stored.dtype == np.uint8 and values[-1] == 255 and 2 * counts[-1] > counts.sum():
        raise file_error(
            path,
            f"most of the particles are 255, and {len(values) - 1} other values occur",
            "It looks like a smoothed mask, in which other values are no numbers of particles",
            "Save it without smoothing or lossy compression, with 0 and 255 only",
        )
    return labels


def _no_warning(line: str) -> None:
    """For pixels alone: warnings were given when the micrograph was inspected."""


def _decode(path: Path) -> DecodedImage:
    decode = _decoder_of(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # decoders warn of what is checked here anyway
            return decode(path)
    except InputError:
        raise
    except Exception as error:  # their own classes are many: struct.error, zlib.error, Box...
        reason = (str(error).splitlines() or [type(error).__name__])[0].strip(" .")
        raise file_error(
            path,
            f"cannot be decoded ({type(error).__name__}: {reason})",
            "The file is damaged, cut short, or of a variant that is not supported",
            "Copy it again from its source, or export it as an uncompressed TIFF",
        ) from error


def _decoder_of(path: Path) -> Callable[[Path], DecodedImage]:
    try:
        if any((path / name).is_file() for name in (".zgroup", "zarr.json")):
            return decode_in_subprocess
        with path.open("rb") as file:
            start = file.read(HEADER_BYTES)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise file_error(
            path,
            f"cannot be opened ({reason or error})",
            "Each micrograph needs this file",
            "Check its name, including upper and lower case, and that you may read it",
        ) from error
    if not start:
        raise file_error(path, "the file is empty (0 bytes)", "It holds no image", "Copy it again")
    for magic, decode in _KINDS.items():
        if start.startswith(magic):
            return decode
    if is_mrc(start):
        return decode_mrc
    if path.suffix.lower() in READERS:
        return decode_in_subprocess
    raise file_error(
        path,
        f"not a dm3, dm4, dm5, emd, ser, mrc, TIFF, hspy, zspy, PNG or JPEG file (it begins with "
        f"{start[:8]!r})",
        "The content decides how a file is read, not its suffix",
        "Export the image as TIFF or dm3",
    )


def _pixel_size(
    stored: DecodedImage, given_nm: float | None, path: Path, warn: Callable[[str], None]
) -> tuple[float | None, str]:
    """Size of a pixel [nm] and where it comes from."""
    edges = stored.edges or ()
    for edge in edges:
        refuse_reciprocal(edge, where=str(path))
    if given_nm is None:
        size_nm = stated_pixel_size_nm(*edges, where=str(path), warn=warn) if edges else None
        if stored.edges_doubt:
            warn(f"{path}: {stored.edges_doubt}; give pixel_size_nm if it is another")
        return size_nm, stored.edges_source
    if not 0 < given_nm < math.inf:
        raise InputError(
            f"pixel_size_nm is {given_nm:g}",
            where=str(path),
            why="A length is a number above 0",
            fix="Give the edge of a pixel in nm",
        )
    check_pixel_size(given_nm, where=str(path))
    try:
        size_nm = stated_pixel_size_nm(*edges, where=str(path), warn=warn) if edges else None
    except InputError as error:
        warn(f"{path}: {error.what}, {given_nm:g} nm is used as given")
    else:
        if size_nm and abs(size_nm / given_nm - 1) > _WARNED_DIFFERENCE:
            warn(f"{path}: states {size_nm:g} nm, {given_nm:g} nm is used as given")
    return given_nm, "given"


def _intensities(stored: NDArray, path: Path, warn: Callable[[str], None]) -> NDArray[np.float32]:
    grey = grey_of(stored, path, warn)
    if grey.dtype.kind not in "biuf":
        raise file_error(
            path,
            f"pixels are of type {grey.dtype}",
            "Intensities are real numbers",
            "Export the image itself, not its Fourier transform",
        )
    with np.errstate(over="ignore"):
        pixels = np.ascontiguousarray(grey, np.float32)
    _check_intensities(pixels, path)
    return pixels


def _check_intensities(pixels: NDArray[np.float32], path: Path) -> None:
    if pixels.size == 0:
        raise file_error(
            path, f"an image of shape {pixels.shape}", "It has no pixels", "Export it again"
        )
    lowest, highest = pixels.min(), pixels.max()  # NaN where any pixel is
    if not (np.isfinite(lowest) and np.isfinite(highest)):
        strange = int(pixels.size - np.count_nonzero(np.isfinite(pixels)))
        raise file_error(
            path,
            f"{strange} of {pixels.size} pixels are NaN or infinite",
            "They would spread over the whole image when it is rescaled",
            "Replace them, for example by the median of their neighbours",
        )
    if lowest == highest:
        raise file_error(
            path,
            f"all pixels have the value {pixels.flat[0]:g}",
            "An image without contrast (standard deviation 0) cannot be rescaled",
            "Check the export, or leave this image out",
        )
