"""The published data set in miniature: same folders, names, table and kinds of file, made up.

Micrographs are counts of round particles under uneven light, with an x-ray each; dm3 files by
`gatan_files`, hand labels as 8-bit PNG.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from gatan_files import image_tags, microscope_tags, write_dm
from PIL import Image

HEADER = ["File name", "Date", "Material", "Nanoparticle Size (nm)", "Nanoparticle Shape"]
HEADER += ["Support", "Instrument", "Dosage (e/A2)", "Pixel Scale (nm)", "Folder"]

# (folder, day, material, size, dose, pixel size, count); two folders share their file names
GROUPS = [
    ("2021_08_26 5nm Au nanoparticles on C/Ultrathin Carbon", "08/26/21", "Au", 5, 423, 0.02, 5),
    ("2022_06_15 5nm Au nanoparticles on C", "06/15/22", "Au", 5, 80, 0.02, 5),
    ("2022_06_15 5nm Au nanoparticles on C high dose", "06/15/22", "Au", 5, 884, 0.02, 6),
    ("2022_02_02 5nm Ag nanoparticles on C", "02/02/22", "Ag", 5, 423, 0.02, 2),
]


def published_files(edge_px: int = 192) -> dict[str, bytes]:
    """Path -> content of every file, the table included."""
    files: dict[str, bytes] = {}
    table = io.StringIO()
    rows = csv.writer(table, lineterminator="\n")
    rows.writerow(HEADER)
    for group, (folder, day, material, size, dose, pixel, count) in enumerate(GROUPS):
        for number in range(count):
            stem = f"{material}_UTC_330kx_{number:02d}"
            cells = [f"{stem}.dm3", day, material, size, "Sphere", "UT Carbon", "Team05"]
            rows.writerow([*cells, dose, pixel, folder])
            counts, mask = _micrograph(np.random.default_rng([group, number]), edge_px, dose)
            files[f"{folder}/{stem}.dm3"] = _dm3(counts, pixel)
            files[f"{folder}/Labels/{stem}_label.png"] = _png(mask)
    files["Dataset_metadata.csv"] = table.getvalue().encode()
    return files


def _micrograph(draw: np.random.Generator, edge: int, dose: float) -> tuple[np.ndarray, np.ndarray]:
    y, x = np.mgrid[:edge, :edge]
    mask = np.zeros((edge, edge), bool)
    for cy, cx in draw.uniform(0.1 * edge, 0.9 * edge, (5, 2)):
        mask |= (y - cy) ** 2 + (x - cx) ** 2 < (edge / 11) ** 2
    light = 3.6 * dose * (1 - 0.15 * x / edge) * (1 - 0.3 * mask)
    counts = draw.poisson(light).astype(np.int16)
    counts[tuple(draw.integers(edge, size=2))] = 9000
    return counts, mask


def _dm3(counts: np.ndarray, pixel_size_nm: float) -> bytes:
    with TemporaryDirectory() as folder:
        image = image_tags(counts, pixel_size_nm, "nm", microscope_tags())
        return write_dm(Path(folder, "a.dm3"), [image]).read_bytes()


def _png(mask: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(mask.astype(np.uint8) * 255).save(stream, "PNG")
    return stream.getvalue()
