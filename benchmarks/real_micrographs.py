"""How well networks do on real micrographs: masks, particles and boxes against hand labels.

    python benchmarks/real_micrographs.py DATA --json FILE [--network PACKAGE] [--processes N]
        [--pixel-size-nm NM]

DATA holds the folders emps (figures with hand-drawn particles: Yildirim and Cole 2021), catalysts
(particles on thick supports with boxes: arXiv 2410.01213) and segtrack (doi 10.69761/HDTA8338), two
with an ``images.csv``. Images are segmented as `hrtem-shift segment` does. No
image has a calibration: `--pixel-size-nm` is what a user may state wrongly.

Hard Dice of masks; F1 of particles at an intersection over union of 0.5; F1 of boxes at 0.3,
greedy. Means over images with intervals (95 %) by the bootstrap.
"""

from __future__ import annotations

import argparse
import json
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from skimage.measure import label, regionprops

from hrtem_shift.evaluation.dice import mask_dice
from hrtem_shift.micrographs.readers import read_micrograph
from hrtem_shift.segmentation.micrographs import Segmenter, segment_image
from hrtem_shift.segmentation.options import SegmentationOptions
from hrtem_shift.segmentation.shipped import named_package

SMALLEST_LABEL_px = 50
"""Specks of segtrack's labels below this are no particles."""


def main() -> None:
    """Segment all images, print means, write rows."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--network", type=Path)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--pixel-size-nm", type=float, default=0.05)
    given = parser.parse_args()
    jobs = [(given, row) for row in rows_of(given.data)]
    context = get_context("fork")
    with ProcessPoolExecutor(given.processes, context, _single_thread) as pool:
        table = pd.DataFrame(pool.map(measured, *zip(*jobs, strict=True)))
    summary = summary_of(table)
    print(json.dumps(summary, indent=1))
    if given.json:
        rows = json.loads(table.to_json(orient="records", double_precision=4))
        given.json.write_text(json.dumps({"summary": summary, "images": rows}, indent=1) + "\n")


def rows_of(data: Path) -> list[dict[str, Any]]:
    """One row an image: set, kind, paths of image and truth."""
    rows = []
    for name in ("emps", "catalysts"):
        table = pd.read_csv(data / name / "images.csv")
        for row in table.to_dict(orient="records"):
            truth = row["labels" if name == "emps" else "boxes"]
            rows.append(
                {
                    "set": name,
                    "kind": row["particles"],
                    "image": data / name / row["image"],
                    "truth": data / name / truth,
                    "otsu": row.get("otsu_hard_dice"),
                }
            )
    for path in sorted((data / "segtrack" / "images").glob("*.png")):
        truth = data / "segtrack" / "labels" / path.name.replace("image", "label")
        rows.append({"set": "segtrack", "kind": "dark on bright", "image": path, "truth": truth})
    return rows


def measured(given: argparse.Namespace, row: dict[str, Any]) -> dict[str, Any]:
    """Scores of one image."""
    recorded = read_micrograph(row["image"], given.pixel_size_nm)
    result = segment_image(recorded, _segmenter(given.network), SegmentationOptions())
    expected = result.verdict.expected_dice
    scores: dict[str, Any] = {
        "set": row["set"],
        "kind": row["kind"],
        "image": row["image"].name,
        "scale": result.scale,
        "verdict": result.verdict.level,
        "expected": expected.mean if expected else None,
        "low": expected.low if expected else None,
        "high": expected.high if expected else None,
        "n_predicted": int(result.labels.max()),
        "otsu": row.get("otsu"),
    }
    if row["set"] == "catalysts":
        truth = boxes_of(row["truth"], result.labels.shape)
        return scores | {"box_f1": box_f1(result.labels, truth), "n_true": len(truth)}
    truth = _label_image(row["truth"])
    if row["set"] == "segtrack":
        truth = label(truth > 0, connectivity=2)
        areas = np.bincount(truth.ravel())
        truth = np.where(areas[truth] >= SMALLEST_LABEL_px, truth, 0)
    scores["dice"] = mask_dice(result.labels > 0, truth > 0)
    scores["f1"] = particle_f1(result.labels, truth)
    scores["n_true"] = len(np.unique(truth)) - (0 in truth)
    scores |= {"d50_true": _median_diameter(truth), "d50": _median_diameter(result.labels)}
    return scores


def particle_f1(labels: NDArray[np.int32], truth: NDArray[np.integer]) -> float:
    """F1 of particles whose intersection over union is above 0.5, which makes pairs unique."""
    areas, true_areas = np.bincount(labels.ravel()), np.bincount(truth.ravel())
    pairs, both = np.unique(
        np.stack([labels[labels > 0], truth[labels > 0]]), axis=1, return_counts=True
    )
    union = areas[pairs[0]] + true_areas[pairs[1]] - both
    matched = int(((both / union > 0.5) & (pairs[1] > 0)).sum())
    total = int((areas[1:] > 0).sum() + (true_areas[1:] > 0).sum())
    return 2 * matched / total if total else 1.0


def boxes_of(path: Path, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Boxes (N, 4) as top, left, bottom, right [px], from rows of YOLO."""
    _, x, y, width, height = np.loadtxt(path, ndmin=2).T
    sides = [(y - height / 2) * shape[0], (x - width / 2) * shape[1]]
    sides += [(y + height / 2) * shape[0], (x + width / 2) * shape[1]]
    return np.stack(sides, axis=1)


def box_f1(labels: NDArray[np.int32], truth: NDArray[np.float64]) -> float:
    """F1 of boxes, matched greedily from the largest intersection over union down to 0.3."""
    boxes = np.array([region.bbox for region in regionprops(labels)], float).reshape(-1, 4)
    low = np.maximum(boxes[:, None, :2], truth[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], truth[None, :, 2:])
    both = np.prod(np.maximum(high - low, 0), axis=2)
    areas = [np.prod(each[:, 2:] - each[:, :2], axis=1) for each in (boxes, truth)]
    iou = both / np.maximum(areas[0][:, None] + areas[1][None] - both, 1e-9)
    matched = 0
    while iou.size and iou.max() >= 0.3:
        i, j = np.unravel_index(np.argmax(iou), iou.shape)
        iou[i], iou[:, j] = 0, 0
        matched += 1
    return 2 * matched / max(len(boxes) + len(truth), 1)


def summary_of(table: pd.DataFrame) -> dict[str, Any]:
    """What is aimed at, for each set and kind."""
    summary: dict[str, Any] = {}
    for (name, kind), part in table.groupby(["set", "kind"], sort=False):
        entry: dict[str, Any] = {"n": len(part)}
        for column in ("dice", "f1", "box_f1"):
            if part[column].notna().any():
                entry[column] = mean_of(part[column])
        if name == "emps":
            entry["below_otsu"] = float((part["dice"] < part["otsu"]).mean())
        if name == "segtrack":
            entry["count_ratio"] = float(part["n_predicted"].sum() / part["n_true"].sum())
            entry["d50_ratio"] = float((part["d50"] / part["d50_true"]).mean())
        entry["in_range"] = int((part["verdict"] == "in range").sum())
        known = part.dropna(subset=["expected"])
        if "dice" in entry:
            entry["expected_off"] = float((known["expected"] - known["dice"]).abs().mean())
        summary[f"{name}, {kind}"] = entry
    return summary


def mean_of(values: pd.Series) -> list[float]:
    """Mean, and its interval by the bootstrap over images."""
    given = values.dropna().to_numpy()
    picks = np.random.default_rng(0).integers(len(given), size=(2000, len(given)))
    low, high = np.quantile(given[picks].mean(axis=1), [0.025, 0.975])
    return [round(float(value), 4) for value in (given.mean(), low, high)]


def _median_diameter(labels: NDArray) -> float:
    """Of particles that the border does not cut [px]."""
    border = np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))
    areas = np.bincount(labels.ravel())
    areas[border] = 0
    areas = areas[1:][areas[1:] > 0]
    return float(2 * np.sqrt(np.median(areas) / np.pi)) if len(areas) else float("nan")


def _label_image(path: Path) -> NDArray[np.int64]:
    from PIL import Image

    with Image.open(path) as image:
        return np.asarray(image if image.mode != "RGBA" else image.convert("L")).astype(np.int64)


@cache
def _segmenter(network: Path | None) -> Segmenter:
    return Segmenter.of(named_package(network))


def _single_thread() -> None:
    import torch

    torch.set_num_threads(1)


if __name__ == "__main__":
    main()
