"""What three labelled images win back: `hrtem-shift adapt` on kinds that networks get wrong.

    python benchmarks/adapt.py DATA --json FILE [--kinds NAME ...] [--network PACKAGE]
        [--steps N] [--most N] [--ceiling DICE] [--processes N]

DATA holds the folders emps (figures with hand-drawn particles: Yildirim and Cole 2021) and segtrack
(doi 10.69761/HDTA8338). A kind is a group of images of emps that look alike, or all of segtrack
altered in one way. Its first three images are for adapting, the others for testing (at most
`--most`); each is segmented as `hrtem-shift segment` does, by the package before and after. The
package's networks must not have seen any of them.

The loss of a kind is what `--ceiling` is above its Dice before: 0.9, about what networks reach on
images of emps and segtrack that they know. Won back is the gain as a share of the loss. CPU seconds
are those of `adapt`, of all processes, its evidence included. Images have no calibration: 0.05 nm
is stated.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter
from skimage.measure import label

from hrtem_shift.evaluation.dice import mask_dice
from hrtem_shift.micrographs.grey import grey_of
from hrtem_shift.micrographs.recorded_image import RecordedImage
from hrtem_shift.seeds import generator_at
from hrtem_shift.segmentation.adapt_package import adapt_package
from hrtem_shift.segmentation.micrographs import Segmenter, domain_check_of, segment_image
from hrtem_shift.segmentation.options import SegmentationOptions
from hrtem_shift.segmentation.package import NetworkPackage, read_package
from hrtem_shift.segmentation.results import write_tiff
from hrtem_shift.segmentation.shipped import named_package
from hrtem_shift.training.particle_recipe import FineTuningRecipe

SEED, PIXEL_SIZE_nm, LABELLED = 20261129, 0.05, 3
Labelled = tuple[str, NDArray[np.float32], NDArray[np.int32]]
"""Name, pixels (H, W), and numbers of particles (H, W) of an image."""

EMPS_KINDS = {
    "particles on carriers": "1e0f5d817e 62223ab32f 2d1a6c5ce4 8e68b05e0e 7ecd3c2ab9 a492171fa8 "
    "2e5dab1969",
    "packed spheres, SEM": "80719af02f 2ee0518d7a c1d32ab54d af124a45d9 a59bcf3f13 b78f5fdc22 "
    "ce41e4e56d 85a5d4d8b9 6169a602a0 a68915823c",
    "tubes": "848b740671 c7e9ec8d48 fc9e19325c 78bda6c73b 7a48f5b4d5 0e41d62d5d 26e5f24689",
}
"""Images of emps that look alike."""


def mottled(pixels: NDArray, rng: np.random.Generator) -> NDArray:
    """A thick amorphous film: grain of 3 px, twice as strong as the contrast."""
    grain = gaussian_filter(rng.normal(size=pixels.shape), 3)
    return pixels + 2 * pixels.std() * grain / grain.std()


def striped(pixels: NDArray, rng: np.random.Generator) -> NDArray:
    """Stripes of a period of 37 px, one and a half times as strong as the contrast."""
    y, x = np.indices(pixels.shape)
    wave = np.sin(2 * np.pi * x / 37 + 0.05 * y + rng.uniform(0, 2 * np.pi))
    return pixels + 1.5 * pixels.std() * wave


def relief(pixels: NDArray, rng: np.random.Generator) -> NDArray:
    """Differential contrast: one side of a particle is bright, the other one dark."""
    return gaussian_filter(pixels, 2, order=(0, 1))


SEGTRACK_KINDS: dict[str, Callable[[NDArray, np.random.Generator], NDArray]] = {
    "mottled support": mottled,
    "stripes": striped,
    "relief": relief,
}
"""Alterations of segtrack."""


def main() -> None:
    """Adapt to each kind, print scores, write them."""
    given = _given()
    package = named_package(given.network)
    recipe = FineTuningRecipe() if given.steps is None else FineTuningRecipe(steps=given.steps)
    results = []
    for kind in given.kinds or [*EMPS_KINDS, *SEGTRACK_KINDS]:
        images = images_of(kind, given.data)[: LABELLED + given.most]
        results.append({"kind": kind, **won_back(images, package, recipe, given)})
        print(json.dumps(results[-1]), flush=True)
    summary = {"ceiling": given.ceiling, "networks": len(package.networks), "steps": recipe.steps}
    if given.json:
        given.json.write_text(json.dumps({**summary, "kinds": results}, indent=1) + "\n")


def won_back(
    images: list[Labelled],
    package: NetworkPackage,
    recipe: FineTuningRecipe,
    given: argparse.Namespace,
) -> dict[str, Any]:
    """Dice on the test images before and after, loss, share won back, CPU seconds."""
    shown, others = images[:LABELLED], images[LABELLED:]
    before = dices_of(others, package)
    with tempfile.TemporaryDirectory() as folder:
        labelled, out = Path(folder) / "labelled", Path(folder) / "adapted"
        write_folder(shown, labelled)
        started = cpu_s()
        adapt_package(package, labelled, out, "adapted", recipe=recipe, processes=given.processes)
        spent = cpu_s() - started
        adapted = read_package(out)
        after = dices_of(others, adapted)
    loss = given.ceiling - float(np.mean(before))
    held_out = domain_check_of(adapted).usual_dice
    return {
        "images": len(others),
        "dice_before": round(float(np.mean(before)), 4),
        "dice_after": round(float(np.mean(after)), 4),
        "worse_by_0.02": int((np.array(after) < np.array(before) - 0.02).sum()),
        "loss": round(loss, 4),
        "won_back": round(float(np.mean(after) - np.mean(before)) / loss, 3) if loss > 0 else None,
        "dice_of_held_out_folds": round(held_out, 4),
        "cpu_s": round(spent, 1),
        "before": [round(dice, 3) for dice in before],
        "after": [round(dice, 3) for dice in after],
    }


def dices_of(images: list[Labelled], package: NetworkPackage) -> list[float]:
    """Hard Dice of each image, segmented as `hrtem-shift segment` does."""
    segmenter, options = Segmenter.of(package), SegmentationOptions()
    dices = []
    for _, pixels, labels in images:
        recorded = RecordedImage(pixels, "png", pixel_size_nm=PIXEL_SIZE_nm)
        dices.append(mask_dice(segment_image(recorded, segmenter, options).labels > 0, labels > 0))
    return dices


def images_of(kind: str, data: Path) -> list[Labelled]:
    """Images of a kind, with numbers of particles."""
    if kind in EMPS_KINDS:
        folder = data / "emps"
        return [
            (name, _grey(folder / "images" / f"{name}.png"), _labels(folder, name))
            for name in EMPS_KINDS[kind].split()
        ]
    images = []
    for path in sorted((data / "segtrack" / "images").glob("*.png")):
        rng = generator_at(SEED, kind, path.stem)
        pixels = np.asarray(SEGTRACK_KINDS[kind](_grey(path), rng), np.float32)
        mask = _grey(data / "segtrack" / "labels" / path.name.replace("image", "label")) > 0
        images.append((path.stem, pixels, label(mask, connectivity=2).astype(np.int32)))
    return images


def write_folder(images: list[Labelled], folder: Path) -> None:
    """A micrograph folder."""
    folder.mkdir()
    rows = []
    for name, pixels, labels in images:
        write_tiff(folder / f"{name}.tif", pixels, PIXEL_SIZE_nm)
        write_tiff(folder / f"{name}_labels.tif", labels.astype(np.uint16), PIXEL_SIZE_nm)
        rows.append({"image": f"{name}.tif", "mask": f"{name}_labels.tif", "pixel_size_nm": ""})
    pd.DataFrame(rows).to_csv(folder / "metadata.csv", index=False)


def cpu_s() -> float:
    """CPU seconds of this process and of its finished children."""
    used = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in used)


def _grey(path: Path) -> NDArray[np.float32]:
    with Image.open(path) as image:
        return np.asarray(grey_of(np.asarray(image), path, print), np.float32)


def _labels(folder: Path, name: str) -> NDArray[np.int32]:
    with Image.open(folder / "labels" / f"{name}.png") as image:
        return np.asarray(image).astype(np.int32)


def _given() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--kinds", nargs="*", choices=[*EMPS_KINDS, *SEGTRACK_KINDS])
    parser.add_argument("--network", type=Path)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--most", type=int, default=6, help="test images of a kind")
    parser.add_argument("--ceiling", type=float, default=0.9)
    parser.add_argument("--processes", type=int, default=2)
    return parser.parse_args()


if __name__ == "__main__":
    main()
