"""Results of one image: a folder that is written atomically.

``<name>_mask.tif``, ``_labels.tif``, ``_probability.tif``, ``_spread.tif`` (of an ensemble),
``_overlay.png``, ``_particles.csv``, ``_sizes.png``, and ``result.json`` with the fingerprint of
the inputs. A folder with the same fingerprint is not made again.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from glob import escape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hrtem_shift.files import atomic_write
from hrtem_shift.fingerprints import fingerprint
from hrtem_shift.micrographs.checksums import sha256_of
from hrtem_shift.micrographs.recorded_image import RecordedImage
from hrtem_shift.segmentation.inputs import InputImage
from hrtem_shift.segmentation.measures import summarise_sizes
from hrtem_shift.segmentation.micrographs import SegmentedImage
from hrtem_shift.segmentation.options import SegmentationOptions

RESULTS_VERSION = 3
"""Raised when the code changes its results, so that older ones are not reused."""

RECORD = "result.json"
Record = dict[str, Any]


def sha256_of_input(path: Path) -> str:
    """SHA-256 of an image file, or of the names and checksums of a zspy folder's files."""
    if path.is_file():
        return sha256_of(path)
    files = sorted(file for file in path.rglob("*") if file.is_file())
    lines = [f"{sha256_of(file)}  {file.relative_to(path).as_posix()}\n" for file in files]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def results_fingerprint(
    image: InputImage, sha256: str, package: str, options: SegmentationOptions
) -> str:
    """Fingerprint of the inputs of an image's results.

    Parameters
    ----------
    sha256, package : str
        Of the image, and the identity of the network package.
    """
    deciding = options.model_dump(exclude={"memory_gib"})
    return fingerprint([RESULTS_VERSION, image.name, sha256, package, deciding])


def stored_record(folder: Path, decided: str) -> Record | None:
    """Record of complete results with this fingerprint; None if there are none."""
    try:
        record: Record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        same = record["decided_by"] == decided
        whole = all((folder / name).is_file() for name in record["outputs"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return record if same and whole else None


def write_results(
    folder: Path,
    image: InputImage,
    recorded: RecordedImage,
    segmented: SegmentedImage,
    *,
    sha256: str,
    decided: str,
    warnings: Sequence[str],
) -> Record:
    """Write the folder of one image; an older one is replaced.

    Returns
    -------
    dict
        Contents of ``result.json``: decided_by, input, summary (a row of the batch's table),
        warnings, and outputs (file -> SHA-256).
    """
    name, size_nm = image.name, float(recorded.pixel_size_nm or np.nan)
    for half_written in folder.parent.glob(f".{escape(folder.name)}.*.part"):
        shutil.rmtree(half_written, ignore_errors=True)
    with atomic_write(folder) as new:
        new.mkdir()
        write_tiff(new / f"{name}_mask.tif", (segmented.labels > 0).astype(np.uint8) * 255, size_nm)
        write_tiff(new / f"{name}_labels.tif", _smallest_integers(segmented.labels), size_nm)
        write_tiff(new / f"{name}_probability.tif", segmented.probability, size_nm)
        if segmented.spread is not None:
            write_tiff(new / f"{name}_spread.tif", segmented.spread, size_nm)
        particles = segmented.particles.copy()
        particles.insert(0, "image", escape_formula(name))
        write_table(new / f"{name}_particles.csv", particles)
        _draw(new, name, recorded, segmented, size_nm)
        record = {
            "schema_version": 1,
            "decided_by": decided,
            "input": {"path": str(image.path), "sha256": sha256, "format": recorded.kind},
            "summary": _summary(image, recorded, segmented),
            "warnings": list(warnings),
            "outputs": {path.name: sha256_of(path) for path in sorted(new.iterdir())},
        }
        (new / RECORD).write_text(json.dumps(record, indent=1), encoding="utf-8")
    return record


def write_tiff(path: Path, pixels: NDArray, pixel_size_nm: float) -> None:
    """Write an image with its calibration in nm, as ImageJ and this project read it."""
    import tifffile

    per_nm = 1 / pixel_size_nm
    tifffile.imwrite(
        path,
        pixels,
        imagej=pixels.dtype in (np.uint8, np.uint16, np.float32),
        resolution=(per_nm, per_nm),
        metadata={"unit": "nm", "axes": "YX"},
        compression="zlib" if pixels.dtype.kind == "u" else None,
    )


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a table as CSV, numbers with six digits."""
    table.to_csv(path, index=False, lineterminator="\n", float_format="%.6g")


def escape_formula(text: str) -> str:
    """Escape text that a spreadsheet would read as a formula (CSV injection)."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def _smallest_integers(labels: NDArray[np.int32]) -> NDArray:
    few = labels.max(initial=0) < 2**16
    return labels.astype(np.uint16 if few else np.uint32)


def _draw(
    folder: Path, name: str, recorded: RecordedImage, segmented: SegmentedImage, size_nm: float
) -> None:
    from hrtem_shift.figures.overlay import overlay_figure
    from hrtem_shift.figures.report import figure_png
    from hrtem_shift.figures.size_histogram import size_histogram_figure

    whole = segmented.particles[~segmented.particles["touches_border"].astype(bool)]
    overlay = overlay_figure(
        recorded.pixels,
        segmented.labels,
        size_nm,
        title=name,
        level=segmented.verdict.level,
        explanation=segmented.verdict.sentence,
        centres_px=segmented.particles[["centroid_y_nm", "centroid_x_nm"]].to_numpy() / size_nm,
    )
    (folder / f"{name}_overlay.png").write_bytes(figure_png(overlay))
    sizes = size_histogram_figure(
        whole["equivalent_diameter_nm"].to_numpy(), len(segmented.particles) - len(whole), name
    )
    (folder / f"{name}_sizes.png").write_bytes(figure_png(sizes))


def _summary(image: InputImage, recorded: RecordedImage, segmented: SegmentedImage) -> Record:
    verdict, expected = segmented.verdict, segmented.verdict.expected_dice
    values = {
        "verdict": verdict.level,
        "reasons": verdict.reasons,
        "what_to_do": verdict.what_to_do,
        "notes": "; ".join(segmented.notes),
        "not_compared": "; ".join(verdict.not_compared),
        "expected_dice": expected.mean if expected else None,
        "expected_dice_low": expected.low if expected else None,
        "expected_dice_high": expected.high if expected else None,
        "expected_dice_coverage": expected.coverage if expected else None,
        "agreement": segmented.agreement,
        "pixel_size_nm": recorded.pixel_size_nm,
        "pixel_size_source": recorded.sources.get("pixel_size_nm", ""),
        "scale": segmented.scale,
        "seen_pixel_size_nm": float(recorded.pixel_size_nm or np.nan) / segmented.scale,
        "dose_e_per_A2": recorded.dose_e_per_A2,
        "dose_source": recorded.dose_source or "unknown",
        "particle_fraction": float((segmented.labels > 0).mean()),
        **summarise_sizes(segmented.particles),
    }
    cells = {key: None if value != value or value == "" else value for key, value in values.items()}
    row = {"image": image.name, "path": str(image.path), "status": "segmented", "what": None}
    return {**row, **cells}
