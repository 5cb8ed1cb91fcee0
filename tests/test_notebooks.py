"""Notebooks: each runs from its first cell to its last on a little data, and holds no output."""

from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient
from PIL import Image
from tracking_runs import open_tracker, plan_row, record

# What Jupyter's and MLflow's own dependencies deprecate.
pytestmark = pytest.mark.filterwarnings("ignore")
NOTEBOOKS = Path(__file__).parents[1] / "notebooks"


def run(name, work, /, **parameters):
    """Execute a notebook in a folder, with other parameters; all that it printed and showed."""
    notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
    (place,) = [
        k for k, cell in enumerate(notebook.cells) if "parameters" in cell.metadata.get("tags", [])
    ]
    given = "\n".join(f"{key} = {value!r}" for key, value in parameters.items())
    notebook.cells.insert(place + 1, nbformat.v4.new_code_cell(given))
    work.mkdir(exist_ok=True)
    NotebookClient(notebook, timeout=240, resources={"metadata": {"path": str(work)}}).execute()
    outputs = [out for cell in notebook.cells for out in cell.get("outputs", [])]
    texts = [out.get("text", "") or out.get("data", {}).get("text/plain", "") for out in outputs]
    return "\n".join(texts), sum("image/png" in out.get("data", {}) for out in outputs)


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_a_notebook_is_short_and_holds_no_output(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert notebook.cells[0].source.startswith("# ") and "?" in notebook.cells[0].source
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)
    assert sum(len(cell.source.splitlines()) for cell in code) < 100


@pytest.mark.slow
def test_first_look(tmp_path):
    said, pictures = run("first_look", tmp_path, pixels=128, field_nm=5.12, diameter_nm=2.5)
    assert "gold atoms on" in said
    assert pictures == 1
    assert not list(tmp_path.iterdir())


@pytest.fixture
def folder(tmp_path):
    """Six micrographs of a disc, and their masks."""
    root = tmp_path / "my_images"
    root.mkdir()
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:64, :64]
    rows = ["image,mask,pixel_size_nm"]
    for k in range(6):
        particle = (y - 20 - k) ** 2 + (x - 30) ** 2 < 144
        counts = rng.poisson(1000 - 300 * particle).astype(np.uint16)
        Image.fromarray(counts).save(root / f"m{k}.tif")
        Image.fromarray((255 * particle).astype(np.uint8)).save(root / f"m{k}_mask.png")
        rows.append(f"m{k}.tif,m{k}_mask.png,0.05")
    (root / "metadata.csv").write_text("\n".join(rows) + "\n")
    return root


def test_my_own_images(tmp_path, folder):
    said, pictures = run("my_own_images", tmp_path / "work", folder=str(folder), patch_px=32)
    assert "of 24 patches of 32 px are kept" in said
    assert f"kedro run --pipeline=cross_validation --params=ingestion.root={folder}" in said
    assert pictures == 1


def test_compare_networks(tmp_path):
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    tracker = open_tracker(uri)
    for fold in range(2):
        for rho, dice in ((0.0, 0.5), (1.0, 0.7)):
            name = f"dose_884_{rho:g}_fold{fold}"
            row = plan_row(name, fold=fold, rho=rho)
            tracker.log_network(row, {**record(name, epochs=3), **row, "best_epoch": 1})
            tracker.log_scores(name, {"dose_80": dice + 0.01 * fold, "dose_884": 0.9})
    tracker.finish()
    said, pictures = run("compare_networks", tmp_path / "work", tracking_uri=uri)
    assert "4 networks, tested on 2 data sets" in said
    assert "0.505 ± 0.007" in said and "0.705 ± 0.007" in said  # over the folds
    assert pictures == 1
