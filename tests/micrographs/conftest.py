"""Micrograph folders in miniature: sound ones, to be damaged by the tests."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

SHARED_DATA = Path(__file__).parents[2].parent / "shared" / "data"


@pytest.fixture
def shared_file() -> Callable[[str], Path]:
    """Real files, where this checkout has them beside it."""

    def find(name: str) -> Path:
        path = SHARED_DATA / name
        if not path.is_file():
            pytest.skip(f"no real file {name} beside this checkout (shared/data)")
        return path

    return find


@pytest.fixture
def pixels() -> np.ndarray:
    """A 48 x 64 image of counts around 1000."""
    return np.random.default_rng(7).poisson(1000.0, size=(48, 64)).astype(np.uint16)


@pytest.fixture
def mask(pixels: np.ndarray) -> np.ndarray:
    """A disk of radius 12 px, 255 on 0."""
    y, x = np.indices(pixels.shape)
    return np.where((y - 20) ** 2 + (x - 30) ** 2 < 144, 255, 0).astype(np.uint8)


class Folder:
    """A micrograph folder whose table is written from `rows`."""

    def __init__(self, root: Path, pixels: np.ndarray, mask: np.ndarray, count: int) -> None:
        self.root, self.metadata = root, root / "metadata.csv"
        (root / "images").mkdir(parents=True)
        (root / "masks").mkdir()
        self.rows: list[dict[str, str]] = []
        for k in range(count):
            image, label = f"images/m{k}.tif", f"masks/m{k}.png"
            tifffile.imwrite(root / image, pixels + np.uint16(k))
            Image.fromarray(mask).save(root / label)
            self.rows.append({"image": image, "mask": label, "pixel_size_nm": "0.02"})

    def write(self, columns: list[str] | None = None) -> None:
        names = columns or list(dict.fromkeys(name for row in self.rows for name in row))
        with self.metadata.open("w", newline="", encoding="utf-8") as file:
            table = csv.DictWriter(file, names, restval="", extrasaction="ignore")
            table.writeheader()
            table.writerows(self.rows)

    def add_checksums(self) -> None:
        for row in self.rows:
            for role in ("image", "mask"):
                content = (self.root / row[role]).read_bytes()
                row[f"{role}_sha256"] = hashlib.sha256(content).hexdigest()


@pytest.fixture
def make_folder(tmp_path: Path, pixels: np.ndarray, mask: np.ndarray) -> Callable[..., Folder]:
    def make(count: int = 2, name: str = "own images") -> Folder:
        return Folder(tmp_path / name, pixels, mask, count)

    return make
