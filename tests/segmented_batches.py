"""Made-up batches of segmented images, with real overlays, as `batch_page` takes them."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from hrtem_shift.figures.batch_page import batch_page
from hrtem_shift.figures.overlay import overlay_figure
from hrtem_shift.figures.report import figure_png
from hrtem_shift.segmentation.measures import COLUMNS
from hrtem_shift.segmentation.size_statistics import batch_size_statistics

RULE = "An image is in range where the expected loss of hard Dice is at most 0.0625"
MANIFEST = {
    "network": {
        "name": "Au_330kx",
        "identity": "0123456789abcdef" * 4,
        "members": [{}, {}, {}],
        "preparation": {
            "xray_threshold_counts": 1500.0,
            "flat_field": "exact",
            "rescaling": "standardize",
        },
    },
    "options": {
        "pixel_size_nm": None,
        "defocus_nm": None,
        "threshold": 0.5,
        "min_area_nm2": 1.0,
        "exclude_border": False,
        "memory_gib": 4.0,
    },
    "versions": {"hrtem-shift": "0.9.7", "numpy": "2.4.0"},
    "verdict_rule": f"{RULE}.",
}


@dataclass
class Batch:
    """Arguments of `batch_page`, to be changed before the page is made."""

    summary: pd.DataFrame
    particles: pd.DataFrame
    overlays: dict[str, Path] = field(default_factory=dict)
    manifest: dict = field(default_factory=lambda: dict(MANIFEST))
    warnings: list[str] = field(default_factory=list)

    @property
    def page(self):
        sizes = batch_size_statistics(self.summary, self.particles)
        return batch_page(
            self.summary, self.particles, self.overlays, self.manifest, self.warnings, sizes=sizes
        )


def segmented(image="a", verdict="in range", dice=0.93, n_particles=40, **changes):
    """A row of the summary."""
    unknown = dice is None
    row = {
        "image": image,
        "path": f"session/{image}.tif",
        "status": "segmented",
        "what": None,
        "verdict": verdict,
        "reasons": "expected hard Dice unknown"
        if unknown
        else f"expected hard Dice {dice:.2f} ({dice - 0.06:.2f} to {dice + 0.03:.2f}, 90% "
        "interval), 0.93 on images like those of training",
        "what_to_do": "",
        "notes": "",
        "not_compared": "",
        "expected_dice": dice,
        "expected_dice_low": None if unknown else dice - 0.06,
        "expected_dice_high": None if unknown else dice + 0.03,
        "expected_dice_coverage": None if unknown else 0.9,
        "agreement": 0.95,
        "pixel_size_nm": 0.02,
        "seen_pixel_size_nm": 0.021,
        "n_particles": n_particles,
    }
    return {**row, **changes}


def failed(image="broken", what="not an image"):
    """A row of the summary of an image that could not be segmented."""
    path = f"session/{image}.tif"
    return {"image": image, "path": path, "status": "failed", "what": f"{path}: {what}"}


def batch(rows, **changes):
    """A batch with log-normal particles, of which the border cuts one in eight."""
    rng = np.random.default_rng(5)
    names = np.repeat(
        [row["image"] for row in rows], [int(row.get("n_particles", 0)) for row in rows]
    )
    particles = pd.DataFrame(0.0, index=range(len(names)), columns=["image", *COLUMNS])
    particles["image"] = names
    particles["equivalent_diameter_nm"] = np.exp(rng.normal(1.4, 0.25, len(names)))
    particles["touches_border"] = np.arange(len(names)) % 8 == 7
    return Batch(pd.DataFrame(rows), particles, **changes)


def write_overlay(folder, image, *, level="in range", shape=(512, 512), n_particles=12):
    """A real overlay of dark discs on noise, where a batch would have it."""
    rng = np.random.default_rng(len(image))
    y, x = np.mgrid[: shape[0], : shape[1]]
    centres = rng.uniform(0, shape, (n_particles, 2))
    labels = np.zeros(shape, np.int32)
    for number, (row, column) in enumerate(centres, start=1):
        labels[(y - row) ** 2 + (x - column) ** 2 < rng.uniform(15, 40) ** 2] = number
    pixels = rng.poisson(40 - 14 * (labels > 0)).astype(float)
    figure = overlay_figure(
        pixels,
        labels,
        0.05,
        title=image,
        level=level,
        explanation="Why, and what to expect. " * 12,
        centres_px=centres,
    )
    path = folder / image / f"{image}_overlay.png"
    path.parent.mkdir(parents=True)
    path.write_bytes(figure_png(figure))
    return path
