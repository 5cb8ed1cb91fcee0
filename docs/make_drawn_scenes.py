"""The picture of docs/particle-networks.md: drawn scenes, and the outlines of their labels.

python docs/make_drawn_scenes.py
"""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from hrtem_shift.mass_thickness.drawn_scenes import DrawnScenes, draw_scene

PICTURE = Path(__file__).parent / "images" / "drawn_scenes.png"
ROWS, COLUMNS, EDGE_px = 4, 8, 192


def main() -> None:
    """Draw the first 32 scenes of one address, whatever they show."""
    figure, axes = plt.subplots(ROWS, COLUMNS, figsize=(12, 6), layout="constrained")
    for number, axis in enumerate(axes.flat):
        scene = draw_scene(DrawnScenes(), 1, "documentation", number, shape=(EDGE_px, EDGE_px))
        low, high = np.percentile(scene.pixels, [0.5, 99.5])
        axis.imshow(scene.pixels, cmap="gray", vmin=low, vmax=max(high, low + 1e-6))
        for particle in np.unique(scene.labels[scene.labels > 0]):
            mask = np.pad(scene.labels == particle, 1)[1:-1, 1:-1]
            axis.contour(mask, [0.5], colors="tab:orange", linewidths=0.5)
        axis.set_axis_off()
    figure.savefig(PICTURE, dpi=80, pil_kwargs={"optimize": True})


if __name__ == "__main__":
    main()
