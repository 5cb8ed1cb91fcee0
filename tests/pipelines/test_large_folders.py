"""A thousand micrographs: all faults at once, and memory that does not grow with their number."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import tifffile
from gatan_files import image_tags, write_dm
from PIL import Image

FAULTS = {
    "m0100": "No such file",
    "m0200": "No such file",
    "m0300": "the mask has 16 x 48 pixels",
    "m0400": "it is transposed",
    "m0500": "values other than 0 and 255: 7",
    "m0600": "cut short",
    "m0700": "not a dm3, dm4, dm5, emd",
    "m0800": "NaN or infinite",
    "m0900": "all pixels have the value",
    "m0999": "pixel_size_nm is '-0.02'",
}


@pytest.fixture
def thousand(tmp_path):
    """A folder of 1,000 small micrographs, ten of which have a fault of their own each."""
    draw = np.random.default_rng(0)
    mask = np.zeros((32, 48), np.uint8)
    mask[8:24, 8:24] = 255
    (tmp_path / "mask.png").write_bytes(b"")
    Image.fromarray(mask).save(tmp_path / "mask.png")
    label = (tmp_path / "mask.png").read_bytes()
    lines = ["image,mask,pixel_size_nm"]
    for k in range(1000):
        name = f"m{k:04d}"
        pixels = draw.normal(100, 10, mask.shape).astype(np.float32) - mask / np.float32(8)
        if name == "m0800":
            pixels[3, 3] = np.nan
        tifffile.imwrite(tmp_path / f"{name}.tif", pixels if name != "m0900" else pixels * 0)
        (tmp_path / f"{name}.png").write_bytes(label)
        lines.append(f"{name}.tif,{name}.png,{'-0.02' if name == 'm0999' else '0.02'}")
    (tmp_path / "m0100.tif").unlink()
    (tmp_path / "m0200.png").unlink()
    Image.fromarray(mask[:16]).save(tmp_path / "m0300.png")
    Image.fromarray(mask.T).save(tmp_path / "m0400.png")
    Image.fromarray(np.where(mask == 0, 7, mask).astype(np.uint8)).save(tmp_path / "m0500.png")
    image = tmp_path / "m0600.tif"
    image.write_bytes(image.read_bytes()[:-1000])
    (tmp_path / "m0700.tif").write_text("notes")
    (tmp_path / "metadata.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


@pytest.mark.slow
def test_ten_faults_among_a_thousand_are_listed_at_once_or_left_out_and_reported(project, thousand):
    study = "cross_validation.recipe.epochs=1,cross_validation.recipe.patches_per_epoch=16"
    study += ",cross_validation.preparation.patch_px=32"
    given = f"--params=ingestion.root={thousand},compute.executor=serial,{study}"
    done = project.run("--pipeline=cross_validation", given)
    said = done.stdout + done.stderr
    assert done.returncode != 0 and "10 faults, nothing was done" in said
    for name, fault in FAULTS.items():
        (line,) = [line for line in said.splitlines() if line.startswith("  - ") and name in line]
        assert fault in line
    assert "--params=ingestion.faulty=leave_out" in said and not project.networks()

    done = project.run("--pipeline=cross_validation", f"{given},ingestion.faulty=leave_out")
    assert done.returncode == 0, done.stdout + done.stderr
    folder = project.folder / "data/05_model_input/cross_validation/own_images"
    trained_on = set(pd.read_parquet(folder / "index.parquet")["micrograph"])
    assert len(trained_on) == 990 and not trained_on & set(FAULTS)
    report = (project.reports / "cross_validation" / "report.html").read_text()
    assert "10 micrographs that could not be used" in report
    assert all(name in report for name in FAULTS)
    left_out = pd.read_csv(project.reports / "cross_validation" / "left_out.csv")
    assert left_out["micrograph"].tolist() == sorted(FAULTS)


PREPARE = """
import resource, sys
from pathlib import Path
from hrtem_shift.micrographs.folder import inspect_folder
from hrtem_shift.preparation.patch_set_plan import plan_patch_set
from hrtem_shift.preparation.patch_set_files import read_patch_set, write_patch_set
from hrtem_shift.preparation.patches import Preparation

root, count = Path(sys.argv[1]), int(sys.argv[2])
inventory = inspect_folder(root, root / f"{count}.csv")
steps = Preparation(xray_threshold_counts=1500, flat_field="exact", patch_px=512)
steps = steps.model_copy(update={"min_particle_fraction": None})
write_patch_set(root / f"set {count}", plan_patch_set("a", inventory, steps, 2, seed=1))
assert len(read_patch_set(root / f"set {count}").images) == 64 * count
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_micrographs(tmp_path):
    """From dm3 files of 4096² to patch sets on disk: under 1.5 GiB, for two as for six."""
    counts = np.random.default_rng(0).poisson(3000, (4096, 4096)).astype(np.int16)
    mask = np.zeros(counts.shape, np.uint8)
    mask[1000:1300, 1000:1300] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    for k in range(6):
        counts[k, k] = 9000
        write_dm(tmp_path / f"{k}.dm3", [image_tags(counts)])
    peaks_KiB = {}
    for count in (2, 6):
        lines = ["image,mask,pixel_size_nm", *(f"{k}.dm3,mask.png," for k in range(count))]
        (tmp_path / f"{count}.csv").write_text("\n".join(lines))
        command = [sys.executable, "-c", PREPARE, str(tmp_path), str(count)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        peaks_KiB[count] = int(done.stdout)
    assert peaks_KiB[6] < 1.5 * 2**20
    assert peaks_KiB[6] - peaks_KiB[2] < 30 * 2**10
