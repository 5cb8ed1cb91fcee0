"""Promise: own and simulated folders become one inventory, and that becomes patch sets."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import tifffile
import yaml
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner
from PIL import Image
from pydantic import ValidationError

from hrtem_shift.errors import InputError, InputErrors
from hrtem_shift.micrographs.metadata_table import read_metadata
from hrtem_shift.pipelines.ingestion import nodes, pipeline
from hrtem_shift.pipelines.ingestion.nodes import (
    Ingestion,
    inventory_of_folders,
    take_inventory,
)
from hrtem_shift.pipelines.preprocessing import pipeline as preprocessing
from hrtem_shift.preparation.patches import Preparation

PROJECT = Path(__file__).parents[2]
STUDY = SimpleNamespace(
    preparation=Preparation(patch_px=32, min_particle_fraction=0.01), folds=2, seed=5
)


def _write_folder(root: Path, count: int = 4) -> Path:
    root.mkdir(parents=True)
    lines = ["image,mask,pixel_size_nm,dose_e_per_A2"]
    mask = np.zeros((64, 96), np.uint8)
    mask[8:24, 8:24] = mask[40:60, 70:90] = 255
    for k in range(count):
        pixels = np.random.default_rng(k).normal(500, 20, mask.shape) + mask / 5
        tifffile.imwrite(root / f"{k}.tif", pixels.astype(np.float32))
        Image.fromarray(mask).save(root / f"{k}_mask.png")
        lines.append(f"{k}.tif,{k}_mask.png,0.02,{100 * (k + 1)}")
    (root / "metadata.csv").write_text("\n".join(lines) + "\n")
    return root


def test_own_images_run_through_the_wired_pipeline(tmp_path):
    ingestion = Ingestion(root=str(_write_folder(tmp_path / "own")))
    catalog = DataCatalog(
        {
            "params:ingestion": MemoryDataset(ingestion),
            "params:study": MemoryDataset(STUDY, copy_mode="assign"),
            "patch_sets": MemoryDataset(copy_mode="assign"),
        }
    )
    whole = pipeline.create_pipeline() + preprocessing.create_pipeline()
    SequentialRunner().run(whole, catalog)
    patch_sets = catalog["patch_sets"].load()
    assert list(patch_sets) == ["own_images"]
    assert len(patch_sets["own_images"].images) == 4 * 2
    assert set(patch_sets["own_images"].index["fold"]) == {0, 1}


def test_simulated_folders_run_through_the_same_code(tmp_path):
    folders = pd.DataFrame({"data_set": ["low", "high"]})
    folders["folder"] = [str(_write_folder(tmp_path / name)) for name in folders["data_set"]]
    catalog = DataCatalog(
        {
            "simulated_folders": MemoryDataset(folders),
            "inventory": MemoryDataset(),
            "patch_sets": MemoryDataset(copy_mode="assign"),
            "params:study": MemoryDataset(STUDY, copy_mode="assign"),
        }
    )
    SequentialRunner().run(pipeline.create_simulated_pipeline(), catalog)
    inventory = catalog["inventory"].load()
    assert inventory["data_set"].tolist() == ["low"] * 4 + ["high"] * 4
    assert inventory["dose_e_per_A2"].tolist() == [100, 200, 300, 400] * 2
    SequentialRunner().run(preprocessing.create_pipeline(), catalog)
    low, high = (catalog["patch_sets"].load()[name].index for name in ("low", "high"))
    assert low["fold"].tolist() == high["fold"].tolist()  # same scenes, same folds


def test_faults_of_all_simulated_folders_come_together(tmp_path):
    roots = [_write_folder(tmp_path / name) for name in "ab"]
    for root in roots:
        (root / "1.tif").unlink()
    table = pd.DataFrame({"data_set": ["a", "b"], "folder": [str(root) for root in roots]})
    with pytest.raises(InputErrors, match="2 faults"):
        inventory_of_folders(table)


def test_without_a_folder_the_command_is_named():
    with pytest.raises(InputError, match=r"--params=ingestion\.root=FOLDER"):
        take_inventory(Ingestion())


def test_the_table_is_found_in_the_root_first_and_then_beside(tmp_path, monkeypatch):
    root = _write_folder(tmp_path / "own")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "metadata.csv").write_text("not,the,one\n")
    assert len(take_inventory(Ingestion(root="own"))) == 4
    (root / "metadata.csv").rename(tmp_path / "table.csv")
    inventory = take_inventory(Ingestion(root="own", metadata="table.csv", data_set="mine"))
    assert inventory.columns[0] == "data_set"
    assert set(inventory["data_set"]) == {"mine"}


def test_files_come_from_the_network_only_without_a_root(tmp_path, monkeypatch):
    fetched = []
    monkeypatch.setattr(
        "hrtem_shift.micrographs.download.fetch_missing",
        lambda metadata, base_url, root: fetched.append((base_url, _write_folder(root))),
    )
    monkeypatch.chdir(tmp_path)
    root = _write_folder(tmp_path / "own")
    table = {"metadata": str(root / "metadata.csv"), "base_url": "https://example.org"}
    take_inventory(Ingestion(root=str(root), **table))
    assert not fetched
    inventory = take_inventory(Ingestion(data_set="net", **table))
    assert fetched == [("https://example.org", nodes.RAW / "net")]
    assert len(inventory) == 4


@pytest.mark.parametrize("wrong", [{"rot": "a"}, {"data_set": "../a"}, {"data_set": ""}])
def test_wrong_parameters_are_refused(wrong):
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        Ingestion(**wrong)


@pytest.mark.parametrize("environment", ["base", "segtrack"])
def test_the_written_parameters_are_valid(environment):
    text = (PROJECT / "conf" / environment / "parameters_ingestion.yml").read_text()
    ingestion = Ingestion(**yaml.safe_load(text)["ingestion"])
    assert ingestion.root is None


def test_the_public_table_is_complete():
    rows = read_metadata(PROJECT / "conf/segtrack/micrographs.csv")
    assert len(rows) == len({row["image"] for row in rows}) == 20
    groups = {row["image"]: row["group"] for row in rows}
    assert groups["images/image_2.png"] == groups["images/image_13.png"]
    assert len(set(groups.values())) == 19
    assert all(len(row[f"{role}_sha256"]) == 64 for row in rows for role in ("image", "mask"))


def test_the_public_micrographs_are_as_their_table_says():
    root = PROJECT.parent / "shared" / "data" / "segtrack"
    if not root.is_dir():
        pytest.skip("no local copy of segtrack beside this checkout (shared/data)")
    table = str(PROJECT / "conf/segtrack/micrographs.csv")
    inventory = take_inventory(Ingestion(data_set="segtrack", root=str(root), metadata=table))
    assert len(inventory) == 20
    assert set(inventory["height_px"]) == set(inventory["width_px"]) == {512}
