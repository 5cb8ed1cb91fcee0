"""How well networks do on simulated scenes they were not trained on, and on touching particles.

    python benchmarks/unseen_scenes.py FOLDER [FOLDER ...] --json FILE [--shift FOLDER ...]
        [--touching 60] [--most 60] [--network PACKAGE] [--processes N]

Each folder holds simulated micrographs with a ``metadata.csv`` (`kedro run --pipeline=simulation`).
Those of `--shift` are also tested under eight shifts: white noise of 1, 2, 4 and 8 standard
deviations of the image, a Gaussian blur of 3 and 8 px, reversed contrast, and a slope of the
illumination of 60 %. Of each folder `--most` are taken, evenly spread. `--touching` drawn scenes of
each arrangement (apart, pairs, clusters of 3 to 8) tell how particles are separated. Images are
segmented as `hrtem-shift segment` does; means over images with intervals (95 %) by the bootstrap.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from real_micrographs import mean_of, particle_f1
from scipy.ndimage import gaussian_filter

from hrtem_shift.evaluation.dice import mask_dice
from hrtem_shift.mass_thickness.shapes import thickness_map
from hrtem_shift.micrographs.folder import inspect_folder, load_micrograph
from hrtem_shift.micrographs.recorded_image import RecordedImage
from hrtem_shift.seeds import generator_at
from hrtem_shift.segmentation.micrographs import SegmentedImage, Segmenter, segment_image
from hrtem_shift.segmentation.options import SegmentationOptions
from hrtem_shift.segmentation.shipped import named_package
from hrtem_shift.tables import rows_of

SEED = 20261130
Pixels = NDArray[np.float32]


def _noise(strength: float) -> Callable[[Pixels, np.random.Generator], Pixels]:
    def shifted(pixels: Pixels, rng: np.random.Generator) -> Pixels:
        return pixels + strength * pixels.std() * rng.standard_normal(pixels.shape, np.float32)

    return shifted


def _blur(width_px: float) -> Callable[[Pixels, np.random.Generator], Pixels]:
    return lambda pixels, rng: gaussian_filter(pixels, width_px)


def _reversed(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    return pixels.max() - pixels


def _slope(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    return (pixels - pixels.min()) * np.linspace(1, 0.4, pixels.shape[1], dtype=np.float32)


SHIFTS = {f"noise {s:g}": _noise(s) for s in (1, 2, 4, 8)} | {
    "blur 3 px": _blur(3),
    "blur 8 px": _blur(8),
    "reversed contrast": _reversed,
    "slope of 60 %": _slope,
}
ARRANGEMENTS = {"apart": 1, "pairs": 2, "clusters": 8}
"""Most particles of a group."""


def main() -> None:
    """Segment all scenes, print means, write rows."""
    given = _given()
    jobs: list[tuple[Any, ...]] = []
    for folder in given.folders:
        shifts = ["", *SHIFTS] if folder in given.shift else [""]
        rows = rows_of(inspect_folder(folder, folder / "metadata.csv"))
        for row in rows[:: max(len(rows) // given.most, 1)][: given.most]:
            jobs += [(_lattice, given.network, folder.name, row, shift) for shift in shifts]
    for arrangement in ARRANGEMENTS:
        jobs += [(_touching, given.network, arrangement, k) for k in range(given.touching)]
    with ProcessPoolExecutor(given.processes, get_context("fork"), _single_thread) as pool:
        table = pd.DataFrame(pool.map(_run, jobs))
    summary: dict[str, Any] = {}
    for kind, part in table.groupby("kind", sort=False):
        means = {
            name: mean_of(part[name])
            for name in ("dice", "f1", "split", "d50_ratio")
            if name in part and part[name].notna().any()
        }
        summary[str(kind)] = {"n": len(part), **means}
    print(json.dumps(summary, indent=1))
    if given.json:
        rows = json.loads(table.to_json(orient="records", double_precision=4))
        given.json.write_text(json.dumps({"summary": summary, "images": rows}, indent=1) + "\n")


def touching_scene(arrangement: str, number: int) -> tuple[Pixels, NDArray[np.int32]]:
    """Bright-field scene (384, 384) of spheres and polyhedra, and its labels.

    Particles of a group touch: their centres are as far apart as their radii say, less up to 6 %.
    Groups are apart. 1,000 to 10,000 electrons a pixel, contrast of 0.3 to 1.5 in the exponent.
    """
    rng = generator_at(SEED, "touching", arrangement, number)
    thickness = np.zeros((384, 384), np.float32)
    labels = np.zeros(thickness.shape, np.int32)
    radius_px, placed = rng.uniform(8, 24), list[tuple[float, float, float]]()
    shape = str(rng.choice(["sphere", "polyhedron"]))
    for _ in range(200):
        most = ARRANGEMENTS[arrangement]
        group = [(*rng.uniform(30, 354, 2), radius_px * rng.lognormal(0, 0.1))]
        for _ in range(most - 1 if most < 3 else int(rng.integers(2, most))):
            y, x, r = group[int(rng.integers(len(group)))]
            other, angle = radius_px * rng.lognormal(0, 0.1), rng.uniform(0, 2 * np.pi)
            step = (r + other) * rng.uniform(0.94, 1.0)
            group.append((y + step * np.sin(angle), x + step * np.cos(angle), other))
        clear = all(
            np.hypot(y - v, x - w) > 1.35 * (r + s) for y, x, r in group for v, w, s in placed
        )
        inside = all(r < y < 384 - r and r < x < 384 - r for y, x, r in group)
        apart = all(
            np.hypot(a[0] - b[0], a[1] - b[1]) > 0.92 * (a[2] + b[2])
            for k, a in enumerate(group)
            for b in group[:k]
        )
        if clear and inside and apart:
            placed += group
        if len(placed) >= 24:
            break
    for k, (y, x, r) in enumerate(placed, start=1):
        height = thickness_map(shape, r, rng) / r
        half = height.shape[0] // 2
        rows = np.arange(int(y) - half, int(y) + half + 1)
        columns = np.arange(int(x) - half, int(x) + half + 1)
        on = np.ix_((rows >= 0) & (rows < 384), (columns >= 0) & (columns < 384))
        window = np.ix_(rows[on[0].ravel()], columns[on[1].ravel()])
        thickness[window] += height[on]
        labels[window] = np.where(height[on] > 0, k, labels[window])
    contrast = rng.uniform(0.3, 1.5) / max(float(np.median(thickness[labels > 0])), 1e-6)
    film = 0.05 * gaussian_filter(rng.standard_normal(thickness.shape), 2)
    ideal = gaussian_filter(np.exp(-contrast * thickness - film), 0.8)
    electrons = 10 ** rng.uniform(3, 4)
    return rng.poisson(ideal * electrons).astype(np.float32), labels


def _run(job: tuple[Any, ...]) -> dict[str, Any]:
    function, *arguments = job
    return function(*arguments)


def _lattice(network: Path | None, kind: str, row: dict[str, Any], shift: str) -> dict[str, Any]:
    micrograph = load_micrograph(row)
    pixels = np.asarray(micrograph.pixels, np.float32)
    if shift:
        pixels = SHIFTS[shift](pixels, generator_at(SEED, kind, shift, micrograph.name))
    result = _segmented(network, pixels, micrograph.pixel_size_nm)
    return {
        "kind": f"{kind}: {shift}" if shift else kind,
        "image": micrograph.name,
        "scale": result.scale,
        "dice": mask_dice(result.labels > 0, micrograph.mask == 1),
    }


def _touching(network: Path | None, arrangement: str, number: int) -> dict[str, Any]:
    pixels, truth = touching_scene(arrangement, number)
    labels = _segmented(network, pixels, 0.05).labels
    areas = np.bincount(labels.ravel())
    pairs, both = np.unique(np.stack([truth.ravel(), labels.ravel()]), axis=1, return_counts=True)
    real = (pairs[0] > 0) & (pairs[1] > 0)
    # A particle is split where two predicted ones lie mostly on it, each on 15 % of it or more.
    mostly_on_it = both > 0.5 * areas[pairs[1]]
    large = both > 0.15 * np.bincount(truth.ravel())[pairs[0]]
    parts = np.bincount(pairs[0][real & mostly_on_it & large], minlength=truth.max() + 1)
    return {
        "kind": arrangement,
        "image": f"{arrangement}_{number}",
        "dice": mask_dice(labels > 0, truth > 0),
        "f1": particle_f1(labels, truth),
        "split": float((parts[1:] > 1).mean()),
        "d50_ratio": _median_diameter(labels) / _median_diameter(truth),
    }


def _segmented(network: Path | None, pixels: Pixels, pixel_size_nm: float) -> SegmentedImage:
    recorded = RecordedImage(pixels, "tif", pixel_size_nm=pixel_size_nm)
    return segment_image(recorded, _segmenter(network), SegmentationOptions())


def _median_diameter(labels: NDArray[np.int32]) -> float:
    areas = np.bincount(labels.ravel())[1:]
    return float(np.sqrt(np.median(areas[areas > 0]))) if (areas > 0).any() else float("nan")


@cache
def _segmenter(network: Path | None) -> Segmenter:
    return Segmenter.of(named_package(network))


def _single_thread() -> None:
    import torch

    torch.set_num_threads(1)


def _given() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--shift", nargs="*", type=Path, default=[])
    parser.add_argument("--touching", type=int, default=60)
    parser.add_argument("--most", type=int, default=60)
    parser.add_argument("--network", type=Path)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
