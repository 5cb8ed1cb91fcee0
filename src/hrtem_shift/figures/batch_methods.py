"""The methods paragraph of a batch of segmented images."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from hrtem_shift.figures.batch_notices import merged_notes, number_of
from hrtem_shift.figures.overlay import LEVEL_COLOURS
from hrtem_shift.scorecard.papers import PAPERS
from hrtem_shift.tables import rows_of


def methods_paragraph(
    summary: pd.DataFrame, sizes: pd.DataFrame, manifest: Mapping[str, Any]
) -> str:
    """Describe how the particles of a batch were segmented and measured.

    Parameters
    ----------
    summary, sizes, manifest
        As in `hrtem_shift.figures.batch_page.batch_page`.

    Returns
    -------
    str
        Sentences. They say what the verdict means in the words of the manifest.
    """
    return " ".join(f"{sentence}." for sentence in _sentences(summary, sizes, manifest))


def references() -> list[str]:
    """The papers that the program rests on, to cite."""
    return [f"{paper.name}: {paper.title}" for paper in PAPERS]


def _sentences(
    summary: pd.DataFrame, sizes: pd.DataFrame, manifest: Mapping[str, Any]
) -> Iterator[str]:
    network, options = manifest["network"], manifest["options"]
    segmented = summary[summary["status"] != "failed"]
    n, members = len(segmented), len(network["members"])
    yield (
        f"{number_of(n, 'micrograph')} {'was' if n == 1 else 'were'} segmented by "
        f"hrtem-shift {manifest['versions']['hrtem-shift']} with {number_of(members, 'network')} "
        f"({network['name']}, SHA-256 {network['identity'][:12]}…)"
    )
    scales = network.get("scales", [])
    yield from _pixel_sizes(segmented)
    if scales:
        tried = ", ".join(f"{scale:g}" for scale in sorted(scales))
        yield (
            f"Of the scales {tried} that with the highest sum of expected Dice and confidence of "
            "particles' cores was used for each image"
        )
    if options.get("defocus_nm") is not None:
        yield f"Their defocus was stated to be {options['defocus_nm']:g} nm"
    for notice in merged_notes(rows_of(segmented)):
        yield (
            f"On {number_of(len(notice.images), 'micrograph')}, "
            f"{notice.what[:1].lower()}{notice.what[1:].rstrip('.')}"
        )
    yield from _preparation(network.get("preparation"))
    subject = "the mean probability of the networks" if members > 1 else "the probability"
    yield f"A pixel belongs to a particle where {subject} exceeds {options['threshold']:g}"
    touching = (
        "Particles that touch were separated by a watershed from the cores that networks predict"
        if scales
        else "Particles are connected by sides or corners, touching ones counting as one"
    )
    smallest = options["min_area_nm2"]
    if smallest is None:
        smallest_text = (
            "12 pixels at the scale that was used, or 2 % of the typical area,"
            if scales
            else "1 nm²"
        )
    else:
        smallest_text = f"{smallest:g} nm²"
    yield f"{touching}; those below {smallest_text} were removed"
    done = "removed" if options["exclude_border"] else "counted, but not sized"
    yield f"Particles that the border of an image cuts were {done}"
    yield str(manifest["verdict_rule"]).strip().rstrip(".")
    yield from _verdicts(segmented)
    yield from _sizes(sizes)


def _pixel_sizes(segmented: pd.DataFrame) -> Iterator[str]:
    spans = {
        "Their pixel size was": "pixel_size_nm",
        "The networks saw them at a pixel size of": "seen_pixel_size_nm",
    }
    for sentence, column in spans.items():
        values = pd.to_numeric(segmented[column]).dropna()
        if len(values):
            low, high = f"{values.min():.3g}", f"{values.max():.3g}"
            yield f"{sentence} {low if low == high else f'{low} to {high}'} nm"


def _preparation(preparation: Mapping[str, Any] | None) -> Iterator[str]:
    if preparation is None:
        return
    xrays = preparation.get("xray_threshold_counts")
    flat_field, rescaling = preparation.get("flat_field"), preparation.get("rescaling")
    steps = [
        f"repairing pixels {xrays:g} counts above the median" if xrays else "",
        f"dividing by a smooth background ('{flat_field}' fit)" if flat_field else "",
        f"rescaling intensities ('{rescaling}')" if rescaling else "",
    ]
    text = ", then ".join(filter(None, steps))
    yield f"Images were prepared by {text}" if text else "Images were not prepared further"


def _verdicts(segmented: pd.DataFrame) -> Iterator[str]:
    counts = segmented["verdict"].value_counts()
    words = [f"{counts[level]:,} {level}" for level in LEVEL_COLOURS if level in counts]
    if words:
        yield f"Verdicts: {', '.join(words)}"


def _sizes(sizes: pd.DataFrame) -> Iterator[str]:
    drawn = "particles"
    for counted, table in sizes.groupby("counted", sort=False):
        rows = rows_of(table)
        n_particles, n_images = rows[0]["n_particles"], rows[0]["n_images"]
        if not n_particles:
            continue
        drawn = "images, then particles within each" if n_images > 1 else drawn
        yield (
            f"Equivalent diameters by number, {counted} ({number_of(n_particles, 'particle')}, "
            f"{number_of(n_images, 'image')}): "
            + ", ".join(f"{row['statistic']} {_interval(row)}" for row in rows)
        )
        if n_particles == sizes["n_particles"].iloc[-1]:  # no image is outside
            break
    if sizes["low_nm"].notna().any():
        yield f"Intervals are 95 % percentile intervals of a bootstrap that draws {drawn}"


def _interval(row: Mapping[str, Any]) -> str:
    if not math.isfinite(row["low_nm"]):
        return f"{row['value_nm']:#.3g} nm"
    return f"{row['value_nm']:#.3g} nm ({row['low_nm']:#.3g} to {row['high_nm']:#.3g} nm)"
