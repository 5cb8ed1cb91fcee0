"""Detect scale bars, letters and boxes that programs burn into pictures.

They are as black or as white as the image goes, of even shade and with sharp edges. A bar is a
long rectangle; a box is a rectangle that letters are cut out of; letters are strokes, thin beside
their height, and stand beside a bar, in a row, or in a corner. Saturated particles are neither
rectangles nor strokes. Only the outer part of an image is searched.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

TOLERANCE = 0.03
"""A mark may differ from black or white by this part of the range, because of JPEG."""

OUTER = 0.3
"""Marks are within this part of the height or width from an edge."""

SHARP_STEP, SHARP_SHARE, SHARP_SHARE_OF_BAR = 0.12, 0.9, 0.6
"""Step of this part of the range, on this part of the outline, a few pixels away; a bar may lie
across a particle of its own shade."""

TALLEST = 0.15
"""Letters are at most this part of the image's shorter side."""

LARGEST = 0.25
"""A box, such as the banner below an image, covers at most this part of it."""

_SMALLEST_PX, _SHORTEST_PX = 12, 6
_MOST_PIECES, _MOST_STROKES = 4000, 40
_RECTANGLE = 0.93  # of the bounding box that a bar or a box fills


@dataclass(frozen=True)
class _Piece:
    """Connected pixels of one extreme shade."""

    number: int
    top: int
    bottom: int
    left: int
    right: int
    kind: str  # bar, box, stroke

    @property
    def height(self) -> int:
        return self.bottom - self.top

    @property
    def width(self) -> int:
        return self.right - self.left

    def gap(self, other: _Piece) -> int:
        """Pixels between two bounding boxes along the farther axis."""
        across = max(self.left, other.left) - min(self.right, other.right)
        down = max(self.top, other.top) - min(self.bottom, other.bottom)
        return max(across, down, 0)


def burned_in_marks(pixels: NDArray) -> NDArray[np.bool_]:
    """Find burned-in marks.

    Parameters
    ----------
    pixels : ndarray, shape (H, W)
        Intensities in any unit, hot pixels repaired.

    Returns
    -------
    ndarray of bool, shape (H, W)
        True on bars, letters and their boxes, and within 2 px of them.
    """
    from scipy.ndimage import label, maximum_filter

    values = np.asarray(pixels, np.float32)
    marks = np.zeros(values.shape, bool)
    low, high = float(values.min()), float(values.max())
    if not high > low or min(values.shape) < 32:
        return marks
    for shade in (low, high):
        near = np.abs(values - shade) <= TOLERANCE * (high - low)
        if near.sum() < _SMALLEST_PX:
            continue
        ids, _ = label(near, np.ones((3, 3)))
        contrast = np.abs(values - shade) > SHARP_STEP * (high - low)
        pieces = list(_pieces(ids, near, contrast))
        for piece in _accepted(pieces, values.shape):
            box = np.s_[piece.top : piece.bottom, piece.left : piece.right]
            marks[box] |= True if piece.kind == "box" else ids[box] == piece.number
    return maximum_filter(marks, 5) if marks.any() else marks


def _pieces(
    ids: NDArray[np.int32], near: NDArray[np.bool_], contrast: NDArray[np.bool_]
) -> Iterator[_Piece]:
    """Pieces in the outer part of an image that are a bar, a box or a stroke."""
    from scipy.ndimage import find_objects

    areas = np.bincount(ids.ravel())
    if (areas >= _SMALLEST_PX).sum() > _MOST_PIECES:
        return  # saturated noise
    height, width = ids.shape
    for number, (rows, columns) in enumerate(find_objects(ids), start=1):
        if areas[number] < _SMALLEST_PX or areas[number] > LARGEST * ids.size:
            continue
        box = rows.start, rows.stop, columns.start, columns.stop
        is_outer = (
            rows.stop <= OUTER * height
            or rows.start >= (1 - OUTER) * height
            or columns.stop <= OUTER * width
            or columns.start >= (1 - OUTER) * width
        )
        if is_outer and max(rows.stop - rows.start, columns.stop - columns.start) >= _SHORTEST_PX:
            kind = _kind(number, box, ids, near, contrast)
            if kind:
                yield _Piece(number, *box, kind)


def _kind(
    number: int,
    box: tuple[int, int, int, int],
    ids: NDArray[np.int32],
    near: NDArray[np.bool_],
    contrast: NDArray[np.bool_],
) -> str:
    """What a piece is: bar, box, stroke, or nothing of these."""
    from scipy.ndimage import binary_fill_holes, distance_transform_edt, maximum_filter

    top, bottom, left, right = box
    around = np.s_[max(top - 4, 0) : bottom + 4, max(left - 4, 0) : right + 4]
    piece = ids[around] == number
    ring = maximum_filter(piece, 7) & ~maximum_filter(piece, 5) & ~near[around]
    sharp = float(contrast[around][ring].mean()) if ring.any() else 0.0
    if sharp < SHARP_SHARE_OF_BAR:
        return ""
    tall, wide = bottom - top, right - left
    bounding = tall * wide
    filled = binary_fill_holes(np.pad(piece, 1))[1:-1, 1:-1]
    if piece.sum() >= _RECTANGLE * bounding and wide >= 3 * tall and wide >= 0.03 * ids.shape[1]:
        return "bar"
    if sharp < SHARP_SHARE:
        return ""
    holes = 1 - piece.sum() / filled.sum()
    if min(tall, wide) >= 10 and filled.sum() >= _RECTANGLE * bounding and 0.03 < holes < 0.7:
        return "box"
    thickness = 2 * float(distance_transform_edt(np.pad(piece, 1)).max()) - 1
    tallest = TALLEST * min(ids.shape)
    if thickness <= 0.4 * max(tall, wide) and tall <= tallest and wide <= 2 * tallest:
        return "stroke"
    return ""


def _accepted(pieces: list[_Piece], shape: tuple[int, ...]) -> list[_Piece]:
    """Bars with letters or near an edge, boxes, and strokes beside them, in rows or in a corner."""
    strokes = [piece for piece in pieces if piece.kind == "stroke"]
    accepted = [piece for piece in pieces if piece.kind != "stroke"]
    if len(strokes) > _MOST_STROKES:
        return accepted  # they are rods
    accepted += [piece for piece in strokes if _in_corner(piece, shape) or _in_row(piece, strokes)]
    grown = True
    while grown:
        beside = [
            stroke
            for stroke in strokes
            if stroke not in accepted
            and any(stroke.gap(piece) <= _reach(stroke, piece) for piece in accepted)
        ]
        accepted += beside
        grown = bool(beside)
    return accepted


def _reach(stroke: _Piece, piece: _Piece) -> float:
    """Pixels within which a stroke belongs to a bar, or to another stroke."""
    return 2.0 * stroke.height if piece.kind == "bar" else 0.8 * max(stroke.height, piece.height)


def _in_corner(piece: _Piece, shape: tuple[int, ...]) -> bool:
    height, width = shape
    rim = 0.12 * min(shape)
    near_row = piece.top < rim or height - piece.bottom < rim
    near_column = piece.left < rim or width - piece.right < rim
    return near_row and near_column and piece.top > 0 and piece.left > 0


def _in_row(piece: _Piece, strokes: list[_Piece]) -> bool:
    """Whether at least two other strokes of about its height stand beside it."""
    mates = [
        other
        for other in strokes
        if other is not piece
        and abs(other.bottom - piece.bottom) <= 0.3 * piece.height
        and 0.5 < other.height / piece.height < 2
        and piece.gap(other) <= 3 * piece.height
    ]
    return len(mates) >= 2
