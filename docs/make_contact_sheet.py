"""Draw docs/images/real_micrographs.png: best, median and worst real micrograph of each kind.

    python docs/make_contact_sheet.py DATA ROWS.json [--network PACKAGE]

DATA is the folder and ROWS.json the result of ``benchmarks/real_micrographs.py``. Hard Dice orders
the micrographs, where there are only boxes the F1 of boxes.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import matplotlib
import numpy as np

matplotlib.use("Agg")
from matplotlib import pyplot as plt

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
from real_micrographs import boxes_of

from hrtem_shift.micrographs.readers import read_micrograph
from hrtem_shift.segmentation.micrographs import Segmenter, segment_image
from hrtem_shift.segmentation.options import SegmentationOptions
from hrtem_shift.segmentation.shipped import named_package

OUT = Path(__file__).parent / "images" / "real_micrographs.png"
KINDS = {
    ("emps", "dark on bright"): "figures of articles, dark particles",
    ("emps", "bright on dark"): "figures of articles, bright particles",
    ("catalysts", "dark on bright"): "catalysts, bright field",
    ("catalysts", "bright on dark"): "catalysts, dark field",
    ("segtrack", "dark on bright"): "metal particles on carbon",
}


def main() -> None:
    """Choose, segment and draw."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("rows", type=Path)
    parser.add_argument("--network", type=Path)
    given = parser.parse_args()
    package = named_package(given.network)
    segmenter = Segmenter.of(package)
    rows = json.loads(given.rows.read_text())["images"]
    figure, axes = plt.subplots(len(KINDS), 3, figsize=(9, 3.25 * len(KINDS)), dpi=75)
    for line, ((name, kind), title) in zip(axes, KINDS.items(), strict=True):
        score = "box_f1" if name == "catalysts" else "dice"
        ordered = sorted(
            (row for row in rows if (row["set"], row["kind"]) == (name, kind)),
            key=lambda row: row[score],
        )
        chosen = {"best": -1, "median": len(ordered) // 2, "worst": 0}
        for ax, (rank, place) in zip(line, chosen.items(), strict=True):
            row = ordered[place]
            recorded = read_micrograph(given.data / name / "images" / row["image"], 0.05)
            result = segment_image(recorded, segmenter, SegmentationOptions())
            low, high = np.percentile(recorded.pixels, [0.5, 99.5])
            ax.imshow(recorded.pixels, cmap="gray", vmin=low, vmax=high)
            outlined = result.labels > 0
            if outlined.any():
                _outline(ax, result.labels)
            if name == "catalysts":
                path = given.data / name / "boxes" / f"{Path(row['image']).stem}.txt"
                for top, left, bottom, right in boxes_of(path, result.labels.shape):
                    size = (right - left, bottom - top)
                    ax.add_patch(
                        plt.Rectangle((left, top), *size, fill=False, ec="#e69f00", lw=0.6)
                    )
            what = "F1 of boxes" if name == "catalysts" else "Dice"
            ax.set_title(f"{rank}: {what} {row[score]:.2f}, {row['verdict']}", fontsize=8)
            ax.set_axis_off()
        line[0].text(
            -0.04, 0.5, title, transform=line[0].transAxes, rotation=90, va="center", ha="right"
        )
    figure.tight_layout()
    figure.savefig(OUT, pil_kwargs={"optimize": True})


def _outline(ax: plt.Axes, labels: np.ndarray) -> None:
    """Outlines one and a half pixels wide on the screen, whatever the size of the image."""
    from skimage.segmentation import find_boundaries

    wide = max(labels.shape[0] // 400, 0)
    edge = find_boundaries(labels, mode="inner")
    if wide:
        from scipy.ndimage import maximum_filter

        edge = maximum_filter(edge, 2 * wide + 1)
    ax.imshow(np.ma.masked_where(~edge, edge), cmap="winter", vmin=0, vmax=1, alpha=0.9)


if __name__ == "__main__":
    main()
