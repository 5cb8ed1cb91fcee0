"""Segment a batch of images; finished ones are kept, and failed ones are named."""

from __future__ import annotations

import gc
import json
import logging
import platform
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hrtem_shift.errors import InputError
from hrtem_shift.files import atomic_write
from hrtem_shift.micrographs.readers import read_micrograph
from hrtem_shift.micrographs.recorded_image import RecordedImage
from hrtem_shift.progress import JobProgress
from hrtem_shift.reliability.verdict import Conditions, check_conditions, verdict_rule
from hrtem_shift.segmentation.inputs import InputImage
from hrtem_shift.segmentation.measures import COLUMNS
from hrtem_shift.segmentation.micrographs import (
    Segmenter,
    check_memory,
    domain_check_of,
    segment_image,
)
from hrtem_shift.segmentation.options import SegmentationOptions
from hrtem_shift.segmentation.package import NetworkPackage
from hrtem_shift.segmentation.results import (
    Record,
    escape_formula,
    results_fingerprint,
    sha256_of_input,
    stored_record,
    write_results,
    write_table,
)
from hrtem_shift.segmentation.size_statistics import batch_size_statistics

logger = logging.getLogger(__name__)

SUMMARY, PARTICLES, MANIFEST = "summary.csv", "particles.csv", "manifest.json"
WARNINGS, REPORT = "warnings.txt", "report.html"
FILES = (SUMMARY, PARTICLES, MANIFEST, WARNINGS, REPORT)
"""Files of a batch, beside the folders of its images."""

_WITHOUT_CALIBRATION = ("png", "jpg")
_PROGRAMS = ("hrtem-shift", "numpy", "scipy", "scikit-image", "torch")


@dataclass(frozen=True, eq=False)
class BatchResult:
    """Result of a batch.

    Parameters
    ----------
    summary : DataFrame
        One row an image, with the failed ones; cells are safe for spreadsheets.
    kept : int
        Images that were finished before.
    """

    summary: pd.DataFrame
    kept: int

    @property
    def failed(self) -> pd.DataFrame:
        """Rows of the images that could not be segmented."""
        return self.summary[self.summary["status"] == "failed"]


def segment_images(
    images: Sequence[InputImage],
    package: NetworkPackage,
    options: SegmentationOptions,
    out: Path,
    device: str = "cpu",
) -> BatchResult:
    """Segment images, each into its own folder.

    Parameters
    ----------
    images : sequence of InputImage
        From `hrtem_shift.segmentation.inputs.find_images`, with `FILES` reserved.
    package : NetworkPackage
        The networks.
    options : SegmentationOptions
        The same for all.
    out : Path
        Folder of the results. An image is not segmented again if its results of the same file,
        package and options are there.
    device : str
        ``cpu`` or a GPU of torch.

    Returns
    -------
    BatchResult
        An image that cannot be used is a row with its fault; the others are segmented.

    Raises
    ------
    InputError
        The tables of the batch cannot be written.
    """
    out, segmenter = Path(out), Segmenter.of(package, device)
    records: list[Record] = []
    kept = 0
    with JobProgress("images", len(images)) as progress:
        for number, image in enumerate(images):
            progress.running(number, 0, image.name)
            record, is_old = _attempt(image, segmenter, options, out / image.name)
            records.append(record)
            kept += is_old
            progress.ended(number, f"{image.name}: {record['summary'].get('verdict', 'failed')}")
            gc.collect()  # figures are reference cycles that hold images
    result = BatchResult(_summary_of(records), kept)
    _write_batch(records, result.summary, _manifest(records, package, options, device), out)
    return result


def inspect_images(
    images: Iterable[InputImage],
    package: NetworkPackage,
    options: SegmentationOptions,
    out: Path,
) -> pd.DataFrame:
    """Read every image, and tabulate what `segment_images` would do; nothing is written.

    Returns
    -------
    DataFrame
        One row an image: image, path, status (``finished``, ``to segment`` or ``failed``),
        what (the fault), height_px, width_px, pixel_size_nm.
    """
    return pd.DataFrame([_inspected(image, package, options, Path(out)) for image in images])


def _attempt(
    image: InputImage, segmenter: Segmenter, options: SegmentationOptions, folder: Path
) -> tuple[Record, bool]:
    """Record of an image, and whether it was stored before."""
    warnings: list[str] = []
    sha256 = ""
    try:
        sha256 = sha256_of_input(image.path)
        decided = results_fingerprint(image, sha256, segmenter.package.identity, options)
        stored = stored_record(folder, decided)
        if stored:
            stored["summary"]["path"] = stored["input"]["path"] = str(image.path)  # it may move
            return stored, True
        recorded = _read(image, options, warnings.append)
        segmented = segment_image(recorded, segmenter, options)
        warnings += [f"{image.path}: {note}" for note in segmented.notes]
        record = write_results(
            folder, image, recorded, segmented, sha256=sha256, decided=decided, warnings=warnings
        )
        return record, False
    except InputError as error:
        what = str(error)
        logger.warning("%s", what)
    except Exception as error:  # the other images must not be lost
        what = f"{image.path}: {type(error).__name__}: {error}"
        logger.exception("%s could not be segmented", image.path)
    summary = {"image": image.name, "path": str(image.path), "status": "failed", "what": what}
    given = {"path": str(image.path), "sha256": sha256}
    return {"input": given, "summary": summary, "warnings": warnings, "outputs": {}}, False


def _read(
    image: InputImage, options: SegmentationOptions, warn: Callable[[str], None]
) -> RecordedImage:
    recorded = read_micrograph(image.path, options.pixel_size_nm, warn=warn)
    if recorded.pixel_size_nm is None:
        raise InputError(
            "the pixel size is not known",
            where=str(image.path),
            why="Particle sizes and the resolution that networks need follow from it",
            fix="Give it in nm: --pixel-size-nm 0.02",
        )
    if recorded.kind in _WITHOUT_CALIBRATION:
        warn(f"{image.path}: a {recorded.kind} holds counts rescaled to 8 or 16 bit")
    return recorded


def _inspected(
    image: InputImage, package: NetworkPackage, options: SegmentationOptions, out: Path
) -> dict[str, Any]:
    row = {"image": image.name, "path": str(image.path)}
    try:
        decided = results_fingerprint(image, sha256_of_input(image.path), package.identity, options)
        recorded = _read(image, options, logger.warning)
        size_nm = float(recorded.pixel_size_nm or np.nan)
        check_memory(recorded.pixels.shape, size_nm, package, options.memory_gib)
    except InputError as error:
        return {**row, "status": "failed", "what": str(error)}
    done = stored_record(out / image.name, decided) is not None
    height, width = recorded.pixels.shape
    size = {"height_px": height, "width_px": width, "pixel_size_nm": recorded.pixel_size_nm}
    conditions = Conditions(size_nm, recorded.dose_e_per_A2)
    description = package.description
    verdict = check_conditions(description.domain, description.optics, conditions)
    what = "; ".join(fact.what for fact in verdict.facts if fact.level == "outside")
    return {**row, "status": "finished" if done else "to segment", "what": what, **size}


def _summary_of(records: Sequence[Record]) -> pd.DataFrame:
    summary = pd.DataFrame([record["summary"] for record in records])
    for name in summary.select_dtypes(["object", "str"]):
        summary[name] = summary[name].map(
            lambda cell: escape_formula(str(cell)), na_action="ignore"
        )
    return summary


def _write_batch(
    records: Sequence[Record], summary: pd.DataFrame, manifest: dict[str, Any], out: Path
) -> None:
    with atomic_write(out / SUMMARY) as path:
        write_table(path, summary)
    with atomic_write(out / PARTICLES) as path:
        _join_particles(records, out, path)
    with atomic_write(out / WARNINGS) as path:
        lines = [f"{line}\n" for record in records for line in record["warnings"]]
        path.write_text("".join(lines), encoding="utf-8")
    with atomic_write(out / MANIFEST) as path:
        path.write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    with atomic_write(out / REPORT) as path:
        path.write_text(_report(records, summary, manifest, out), encoding="utf-8")


def _report(
    records: Sequence[Record], summary: pd.DataFrame, manifest: dict[str, Any], out: Path
) -> str:
    from hrtem_shift.figures.batch_page import batch_page

    particles = pd.read_csv(out / PARTICLES)
    names = [record["summary"]["image"] for record in records if record["outputs"]]
    overlays = {escape_formula(name): out / name / f"{name}_overlay.png" for name in names}
    warnings = [line for record in records for line in record["warnings"]]
    sizes = batch_size_statistics(summary, particles)
    return batch_page(summary, particles, overlays, manifest, warnings, sizes=sizes)


def _join_particles(records: Sequence[Record], out: Path, path: Path) -> None:
    """Join the tables of particles."""
    with path.open("w", encoding="utf-8") as whole:
        whole.write(",".join(["image", *COLUMNS]) + "\n")
        for record in records:
            name = record["summary"]["image"]
            if record["outputs"]:
                with (out / name / f"{name}_particles.csv").open(encoding="utf-8") as part:
                    next(part)
                    whole.writelines(part)


def _manifest(
    records: Sequence[Record],
    package: NetworkPackage,
    options: SegmentationOptions,
    device: str,
) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "network": {
            "name": package.description.name,
            "identity": package.identity,
            "members": [member.model_dump() for member in package.description.members],
            "preparation": package.description.preparation.model_dump(),
            "scales": package.description.scales,
            "usual_dice": domain_check_of(package).usual_dice,
        },
        "verdict_rule": verdict_rule(),
        "options": options.model_dump(),
        "seeds": "Prediction draws no random numbers; seeds of training are those of the members.",
        "versions": {name: version(name) for name in _PROGRAMS}
        | {"python": platform.python_version()},
        "platform": platform.platform(),
        "device": device,
        "images": [
            {**record["input"], "status": record["summary"]["status"], "outputs": record["outputs"]}
            for record in records
        ],
    }
