"""Warnings about a folder of sound micrographs, one of each kind."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hrtem_shift.micrographs.mask_fit import MaskFit, doubts_about

logger = logging.getLogger(__name__)
_NUMBERS = re.compile(r"\d[\d.e+-]*")


def warn_of_folder(
    root: Path,
    records: Sequence[Mapping[str, Any]],
    remarks: Sequence[str],
    fits: Mapping[str, MaskFit],
) -> None:
    """Warn of readers' remarks, of suspicious masks, and of duplicate files.

    Parameters
    ----------
    root : Path
        The folder.
    records : sequence of mapping
        Sound micrographs, columns as in an inventory.
    remarks : sequence of str
        Lines of the readers, ``file: what``; of those that differ in numbers only, the first.
    fits : mapping
        Name of the micrograph -> how its mask fits its image.
    """
    for first, *others in _by_kind(remarks):
        more = f" (and {len(others)} more like this)" if others else ""
        logger.warning("%s: %s%s", root, first, more)
    for fraction, what in ((0.0, "no particle at all"), (1.0, "nothing but particle")):
        names = [
            record["micrograph"] for record in records if record["particle_fraction"] == fraction
        ]
        if names:
            shown = ", ".join(names[:5]) + (", ..." if names[5:] else "")
            logger.warning("%s: %d masks show %s (%s)", root, len(names), what, shown)
    for doubt in doubts_about(fits):
        logger.warning("%s: %s", root, doubt)
    first_of: dict[str, Mapping[str, Any]] = {}
    for record in records:
        twin = first_of.setdefault(record["image_sha256"], record)
        if twin["image"] != record["image"] and twin["group"] != record["group"]:
            pair = twin["micrograph"], record["micrograph"]
            logger.warning("%s: %s and %s are the same file, put them in one group", root, *pair)


def _by_kind(remarks: Sequence[str]) -> list[list[str]]:
    kinds: dict[str, list[str]] = {}
    for remark in remarks:
        what = remark.partition(": ")[2]
        kinds.setdefault(_NUMBERS.sub("#", what), []).append(remark)
    return list(kinds.values())
