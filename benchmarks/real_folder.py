"""Two sets of real micrographs as one folder that a study can be tested on.

    python benchmarks/real_folder.py DATA FOLDER

DATA holds the folders segtrack (doi 10.69761/HDTA8338) and emps (Yildirim and Cole 2021, with an
``images.csv``), as `benchmarks/real_micrographs.py` reads them. FOLDER gets copies of the
images, masks of 0 and 255, and ``metadata.csv`` with the column set. Of emps dark particles alone
are taken. Neither set has a calibration: segtrack is given 0.059 nm a pixel, by its Bragg spots,
and emps that of the study's grid, so that it is not resampled.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
from skimage.io import imsave

from hrtem_shift.micrographs.readers import read_micrograph

PIXEL_SIZE_nm = {"segtrack": 0.059, "emps": 0.048}


def main() -> None:
    """Write the folder."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("folder", type=Path)
    given = parser.parse_args()
    table = pd.DataFrame(write_folder(given.data, given.folder))
    table.to_csv(given.folder / "metadata.csv", index=False)
    print(table.groupby("set").size().to_string())


def write_folder(data: Path, folder: Path) -> list[dict[str, object]]:
    """Copy images, write masks; rows of the table."""
    rows = []
    for name, pixel_size_nm in PIXEL_SIZE_nm.items():
        for image, label in pairs_of(data / name):
            place = Path(name, image.stem)
            for kind in ("images", "masks"):
                (folder / kind / name).mkdir(parents=True, exist_ok=True)
            copy, mask = folder / "images" / name / image.name, folder / "masks" / f"{place}.png"
            shutil.copyfile(image, copy)
            marked = read_micrograph(label).pixels > 0
            imsave(mask, 255 * marked.astype(np.uint8), check_contrast=False)
            files = {"image": copy.relative_to(folder), "mask": mask.relative_to(folder)}
            rows.append({**files, "pixel_size_nm": pixel_size_nm, "set": name})
            if name == "segtrack":  # two images overlap in space
                rows[-1]["group"] = "image_2" if image.stem == "image_13" else image.stem
            else:
                rows[-1]["group"] = image.stem
    return rows


def pairs_of(source: Path) -> list[tuple[Path, Path]]:
    """Images and labels of a set."""
    if (source / "images.csv").exists():
        table = pd.read_csv(source / "images.csv")
        dark = table[table["particles"] == "dark on bright"]
        return [
            (source / i, source / j) for i, j in zip(dark["image"], dark["labels"], strict=True)
        ]
    images = sorted((source / "images").glob("*.png"))
    return [(image, source / "labels" / image.name.replace("image", "label")) for image in images]


if __name__ == "__main__":
    main()
