"""A batch of segmented images as one page: verdicts, advice, sizes, and methods."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd

from hrtem_shift.figures.batch_methods import methods_paragraph, references
from hrtem_shift.figures.batch_notices import (
    cell_text,
    merged_notes,
    number_of,
    warning_notices,
)
from hrtem_shift.figures.overlay import LEVEL_COLOURS
from hrtem_shift.figures.page import render_page
from hrtem_shift.figures.report import FigureBlock, TableBlock, figure_png
from hrtem_shift.figures.size_histogram import FEWEST_FOR_A_FIT, size_histogram_figure
from hrtem_shift.figures.thumbnails import Thumbnail, overlay_thumbnail
from hrtem_shift.tables import rows_of

LEVELS_WORST_FIRST = tuple(reversed(LEVEL_COLOURS))
"""Verdicts in the order in which a reader must act."""
MOST_THUMBNAILS = 200
FEWEST_SURE = 30
"""Least number of whole particles for a reliable interval."""
FEWEST_IMAGES = 10
"""Least number of images for an interval over images."""

_THUMBNAIL_PX = 400
_EXPECTATION = "expected hard Dice"
"""Begins the reason that repeats the column of the expected Dice."""
_MOST_BYTES, _MOST_BYTES_EACH = 5_500_000, 70_000


@dataclass(frozen=True)
class ImageEntry:
    """An image on the page."""

    name: str
    verdict: str
    dice: float
    """Expected hard Dice; NaN where it is unknown."""
    expected: str
    reasons: str
    what_to_do: str
    particles: str

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> ImageEntry:
        """From a row of the summary."""
        return cls(
            cell_text(row, "image"),
            cell_text(row, "verdict"),
            _number(row, "expected_dice"),
            _expected(row),
            _reasons(row),
            cell_text(row, "what_to_do"),
            _count(row, "n_particles"),
        )

    @property
    def urgency(self) -> tuple[int, float]:
        """Sort key: the worse verdict first, then unknown or lower Dice."""
        rank = LEVELS_WORST_FIRST.index(self.verdict) if self.verdict in LEVELS_WORST_FIRST else -1
        return rank, self.dice if math.isfinite(self.dice) else -1.0


@dataclass(frozen=True)
class GalleryEntry:
    """A reduced overlay, and the address of the large one."""

    image: ImageEntry
    thumbnail: Thumbnail
    address: str


def batch_page(
    summary: pd.DataFrame,
    particles: pd.DataFrame,
    overlays: Mapping[str, Path],
    manifest: Mapping[str, Any],
    warnings: Sequence[str],
    *,
    sizes: pd.DataFrame,
) -> str:
    """Write the results of a batch as one HTML page.

    Parameters
    ----------
    summary : DataFrame
        One row an image, as ``summary.csv``: image, path, status, what; of those that were
        segmented also verdict, reasons, what_to_do, notes, not_compared, expected_dice with
        expected_dice_low, expected_dice_high and expected_dice_coverage, n_particles,
        pixel_size_nm and seen_pixel_size_nm.
    particles : DataFrame
        One row a particle: image and `hrtem_shift.segmentation.measures.COLUMNS`.
    overlays : mapping of str to Path
        Image, as the summary calls it, -> its overlay in a folder of its own; the page lies
        beside these folders.
    manifest : mapping
        What the batch was made with: network (name, identity, members; if they are there also
        preparation and usual_dice, the hard Dice on images like those of training), options,
        versions, and verdict_rule, sentences that say what the verdict means.
    warnings : sequence of str
        Lines, ``path: what``.
    sizes : DataFrame
        From `hrtem_shift.segmentation.size_statistics.batch_size_statistics`.

    Returns
    -------
    str
        HTML that needs nothing beside itself; links to the large overlays are relative. At most
        `MOST_THUMBNAILS` overlays are shown, so that it stays below 10 MiB for 1,000 images.

    Raises
    ------
    KeyError
        An image was segmented, and the manifest lacks one of its keys.
    """
    rows = rows_of(summary)
    failed = [(cell_text(row, "image"), cell_text(row, "what")) for row in rows if _failed(row)]
    segmented = [row for row in rows if not _failed(row)]
    images = sorted(map(ImageEntry.of, segmented), key=lambda entry: entry.urgency)
    gallery = list(_gallery(images, overlays))
    return render_page(
        "batch.html",
        title=f"Segmentation of {number_of(len(rows), 'image')}",
        question="Which particles are there, how large are they, and on which images can that be "
        "believed?",
        counts=[(level, sum(e.verdict == level for e in images)) for level in LEVEL_COLOURS],
        colours=LEVEL_COLOURS,
        images=images,
        verdict_rule=manifest["verdict_rule"] if images else "",
        does=any(entry.what_to_do for entry in images),
        gallery=gallery,
        left_out=len(images) - len(gallery),
        sizes=_sizes_by_statistic(sizes),
        counted=_counted(sizes),
        cautions=list(_cautions(sizes)),
        histogram=_histogram(particles),
        saved=TableBlock("Sizes", sizes, "", "sizes.csv"),
        coverage=_coverage(segmented),
        usual_dice=manifest.get("network", {}).get("usual_dice"),
        notices=merged_notes(segmented) + warning_notices(rows, warnings),
        not_compared=merged_notes(segmented, "not_compared"),
        methods=methods_paragraph(summary, sizes, manifest) if images else "",
        references=references(),
        versions=manifest.get("versions", {}),
        failed=failed,
    )


def _failed(row: Mapping[str, Any]) -> bool:
    return row["status"] == "failed"


def _gallery(images: Sequence[ImageEntry], overlays: Mapping[str, Path]) -> Iterator[GalleryEntry]:
    shown = [entry for entry in images if entry.name in overlays][:MOST_THUMBNAILS]
    most_bytes = min(_MOST_BYTES_EACH, _MOST_BYTES // max(len(shown), 1))
    for entry in shown:
        path = overlays[entry.name]
        thumbnail = overlay_thumbnail(path, most_px=_THUMBNAIL_PX, most_bytes=most_bytes)
        if thumbnail:
            address = f"./{quote(path.parent.name)}/{quote(path.name)}"
            yield GalleryEntry(entry, thumbnail, address)


def _counted(sizes: pd.DataFrame) -> list[tuple[str, int, int]]:
    """What was counted, particles and images; once where no image is outside."""
    each = sizes.drop_duplicates("counted")
    if each["n_images"].nunique() == each["n_particles"].nunique() == 1:
        each = each[:1]
    return [(row["counted"], row["n_particles"], row["n_images"]) for row in rows_of(each)]


def _sizes_by_statistic(sizes: pd.DataFrame) -> list[tuple[str, list[tuple[str, str]]]]:
    """Statistic, and value and interval [nm] for each of `_counted`."""
    counted = [name for name, _, _ in _counted(sizes)]
    tables = sizes[sizes["counted"].isin(counted)].groupby("statistic", sort=False)
    return [
        (str(statistic), [(_nm(r["value_nm"]), _span(r)) for r in rows_of(table)])
        for statistic, table in tables
    ]


def _cautions(sizes: pd.DataFrame) -> Iterator[str]:
    """Cautions by the numbers of particles and images."""
    counted = _counted(sizes)
    for name, n_particles, n_images in counted:
        prefix = f"{name[0].upper()}{name[1:]}: " if len(counted) > 1 else ""
        if not n_particles:
            yield f"{prefix}No particle is whole, so there is no size."
            continue
        if n_particles < FEWEST_SURE:
            yield (
                f"{prefix}Unsure: {number_of(n_particles, 'whole particle')}, fewer than "
                f"{FEWEST_SURE}. Take the values as a first look."
            )
        if n_images == 1:
            yield (
                f"{prefix}One image: the intervals hold chance among its particles, not how images "
                "of the sample differ."
            )
        elif n_images < FEWEST_IMAGES:
            yield (
                f"{prefix}{n_images} images are few to tell how images of the sample differ: the "
                "intervals are too narrow where they do."
            )
    if counted and counted[0][1] < FEWEST_FOR_A_FIT:
        yield (
            f"No distribution is fitted: ISO 13322-1 asks for thousands of particles (about "
            f"{FEWEST_FOR_A_FIT:,} at a geometric standard deviation of 1.6). With few particles "
            "the intervals of D10 and D90 are too narrow."
        )


def _histogram(particles: pd.DataFrame) -> FigureBlock:
    cut = particles["touches_border"].astype(bool)
    diameters = particles.loc[~cut, "equivalent_diameter_nm"].astype(float).to_numpy()
    figure = size_histogram_figure(diameters, int(cut.sum()), "All images")
    caption = "Equivalent diameters of the whole particles of all segmented images."
    return FigureBlock("Sizes of all images", figure_png(figure), caption)


def _expected(row: Mapping[str, Any]) -> str:
    """Expected hard Dice with its interval."""
    mean, low, high = (_number(row, f"expected_dice{end}") for end in ("", "_low", "_high"))
    if not math.isfinite(mean):
        return "unknown"
    interval = f" ({low:.2f} to {high:.2f})" if math.isfinite(low + high) else ""
    return f"{mean:.2f}{interval}"


def _reasons(row: Mapping[str, Any]) -> str:
    reasons = cell_text(row, "reasons").split("; ")
    return "; ".join(part for part in reasons if not part.startswith(_EXPECTATION))


def _coverage(rows: Sequence[Mapping[str, Any]]) -> str:
    """Of the intervals of the expected Dice: ``"90 %"``; empty where there is no interval."""
    parts = {_number(row, "expected_dice_coverage") for row in rows}
    return " or ".join(f"{part:.0%}".replace("%", " %") for part in sorted(parts) if part == part)


def _number(row: Mapping[str, Any], column: str) -> float:
    value = row.get(column)
    return math.nan if value is None or pd.isna(value) else float(value)


def _count(row: Mapping[str, Any], column: str) -> str:
    value = _number(row, column)
    return f"{value:,.0f}" if math.isfinite(value) else ""


def _nm(value: float) -> str:
    return f"{value:#.3g}" if math.isfinite(value) else "unknown"


def _span(row: Mapping[str, Any]) -> str:
    if not math.isfinite(row["low_nm"]):
        return "unknown"
    return f"{_nm(row['low_nm'])} to {_nm(row['high_nm'])}"
