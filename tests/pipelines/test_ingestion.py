"""Promise: own, published and simulated folders become one inventory, and that patch sets."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import tifffile
import yaml
from kedro.io import DataCatalog, MemoryDataset
from kedro.pipeline import Pipeline
from kedro.runner import SequentialRunner
from PIL import Image
from pydantic import ValidationError

from hrtem_shift.catalog.atomic_files import AtomicParquetDataset
from hrtem_shift.catalog.patch_sets import PatchSetsDataset
from hrtem_shift.catalog.raw_micrographs import RawMicrographs
from hrtem_shift.errors import InputError, InputErrors
from hrtem_shift.micrographs.checksums import read_checksums
from hrtem_shift.micrographs.metadata_table import read_metadata
from hrtem_shift.pipelines.ingestion import pipeline
from hrtem_shift.pipelines.ingestion.nodes import take_inventory, take_inventory_with_simulated
from hrtem_shift.pipelines.ingestion.parameters import Ingestion
from hrtem_shift.pipelines.preprocessing import pipeline as preprocessing
from hrtem_shift.preparation.patches import Preparation

PROJECT = Path(__file__).parents[2]


def study(*data_sets: str) -> SimpleNamespace:
    return SimpleNamespace(
        data_sets=list(data_sets) or ["own_images"],
        preparation=Preparation(patch_px=32, min_particle_fraction=0.01),
        preparations=lambda: {"": Preparation(patch_px=32, min_particle_fraction=0.01)},
        test_sets=[],
        folds=2,
        fold_rule="micrograph",
        seed=5,
        dry_run=False,
    )


def catalog_of(tmp_path, **more) -> DataCatalog:
    return DataCatalog(
        {
            "raw_micrographs": MemoryDataset(RawMicrographs(tmp_path), copy_mode="assign"),
            "patch_sets": PatchSetsDataset(str(tmp_path / "patch sets")),
            **{
                name: AtomicParquetDataset(filepath=str(tmp_path / f"{name}.parquet"))
                for name in ("inventory", "left_out", "preparation", "data_sets")
            },
            **{name: MemoryDataset(value, copy_mode="assign") for name, value in more.items()},
        }
    )


def inventory_of(root, *data_sets: str, **more):
    ingestion = Ingestion(root=str(root), **more)
    return take_inventory(study(*data_sets), ingestion, RawMicrographs(root.parent))


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
    catalog = catalog_of(tmp_path, **{"params:ingestion": ingestion, "params:study": study()})
    whole = Pipeline(
        [
            pipeline.create_pipeline(),
            preprocessing.create_pipeline(),
            preprocessing.create_figures_pipeline(),
        ]
    )
    SequentialRunner().run(whole, catalog)
    patch_sets = catalog["patch_sets"].load()
    assert list(patch_sets) == ["own_images"]
    assert len(patch_sets["own_images"].images) == 4 * 2
    assert set(patch_sets["own_images"].index["fold"]) == {0, 1}
    assert catalog["left_out"].load().empty
    assert catalog["preparation"].load()["patches_kept"].tolist() == [2] * 4


def test_simulated_and_recorded_sets_run_through_the_same_code(tmp_path):
    folders = pd.DataFrame({"data_set": ["low", "high"]})
    folders["folder"] = [str(_write_folder(tmp_path / name)) for name in folders["data_set"]]
    ingestion = Ingestion(
        root=str(_write_folder(tmp_path / "own")),
        data_sets={"real": {"dose_e_per_A2": [100, 400]}},
    )
    parameters = {"params:ingestion": ingestion, "params:study": study("low", "high", "real")}
    catalog = catalog_of(tmp_path, simulated_folders=folders, **parameters)
    SequentialRunner().run(pipeline.create_simulated_pipeline(), catalog)
    inventory = catalog["inventory"].load()
    assert inventory["data_set"].tolist() == ["low"] * 4 + ["high"] * 4 + ["real"] * 2
    assert inventory["dose_e_per_A2"].tolist() == [100, 200, 300, 400] * 2 + [100, 400]
    SequentialRunner().run(preprocessing.create_pipeline(), catalog)
    low, high = (catalog["patch_sets"].load()[name].index for name in ("low", "high"))
    assert low["fold"].tolist() == high["fold"].tolist()  # same scenes, same folds


def test_patches_are_cut_anew_only_where_something_has_changed(tmp_path, caplog):
    caplog.set_level("INFO")
    root = _write_folder(tmp_path / "own")

    def cut_again(folds=2):
        of_study = study()
        of_study.folds = folds
        parameters = {"params:ingestion": Ingestion(root=str(root)), "params:study": of_study}
        caplog.clear()
        whole = pipeline.create_pipeline() + preprocessing.create_pipeline()
        SequentialRunner().run(whole, catalog_of(tmp_path, **parameters))
        return "1 planned, 1 to cut" in caplog.text

    assert cut_again()
    assert not cut_again()
    assert cut_again(folds=3)
    mask = np.asarray(Image.open(root / "0_mask.png")).copy()
    mask[0, 0] = 255
    Image.fromarray(mask).save(root / "0_mask.png")
    assert cut_again(folds=3)
    assert not cut_again(folds=3)


def test_faults_of_all_simulated_folders_come_together(tmp_path):
    roots = [_write_folder(tmp_path / name) for name in "ab"]
    for root in roots:
        (root / "1.tif").unlink()
    table = pd.DataFrame({"data_set": ["a", "b"], "folder": [str(root) for root in roots]})
    raw = RawMicrographs(tmp_path)
    with pytest.raises(InputErrors, match="2 faults"):
        take_inventory_with_simulated(table, study("a", "b"), Ingestion(), raw)


def test_faulty_micrographs_are_left_out_on_demand_and_named_either_way(tmp_path):
    root = _write_folder(tmp_path / "own", count=5)
    (root / "1.tif").unlink()
    Image.fromarray(np.full((64, 96), 7, np.uint8)).save(root / "3_mask.png")
    with pytest.raises(InputErrors, match=r"(?s)2 faults.*1\.tif.*3_mask.*faulty=leave_out"):
        inventory_of(root)
    inventory, left_out = inventory_of(root, faulty="leave_out")
    assert inventory["micrograph"].tolist() == ["0", "2", "4"]
    assert left_out["micrograph"].tolist() == ["1", "3"]
    assert left_out["data_set"].tolist() == ["own_images"] * 2
    assert "other than 0 and 255" in left_out["what"][1]
    for k in range(5):
        (root / f"{k}.tif").unlink(missing_ok=True)
    with pytest.raises(InputErrors, match="keeps nothing"):
        inventory_of(root, faulty="leave_out")


def test_data_sets_are_selections_that_share_no_micrograph(tmp_path):
    root = _write_folder(tmp_path / "own")
    selections = {"low": {"dose_e_per_A2": {"value": 150, "tolerance": 50}}, "unused": {"no": 1}}
    inventory, _ = inventory_of(root, "low", data_sets=selections)
    assert inventory["data_set"].tolist() == ["low"] * 2
    assert inventory["dose_e_per_A2"].tolist() == [100, 200]
    selections["all"] = {}
    with pytest.raises(InputErrors, match=r"2 of its micrographs are in data set low, too, such"):
        inventory_of(root, "low", "all", data_sets=selections)
    with pytest.raises(InputErrors, match="no column 'no'"):
        inventory_of(root, "unused", data_sets=selections)


def test_without_a_folder_the_command_is_named(tmp_path):
    with pytest.raises(InputError, match=r"--params=ingestion\.root=FOLDER"):
        take_inventory(study(), Ingestion(), RawMicrographs(tmp_path))


def test_without_a_data_set_the_column_is_asked_for(tmp_path):
    ingestion = Ingestion(root=str(_write_folder(tmp_path / "own")))
    none = SimpleNamespace(data_sets=[], test_sets=[], dry_run=False)
    with pytest.raises(InputError, match=r"--params=ingestion\.split_by=COLUMN"):
        take_inventory(none, ingestion, RawMicrographs(tmp_path))


def test_the_table_is_found_in_the_root_first_and_then_beside(tmp_path, monkeypatch):
    root = _write_folder(tmp_path / "own")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "metadata.csv").write_text("not,the,one\n")
    assert len(inventory_of(Path("own"))[0]) == 4
    (root / "metadata.csv").rename(tmp_path / "table.csv")
    inventory, _ = inventory_of(Path("own"), "mine", metadata="table.csv")
    assert inventory.columns[0] == "data_set"
    assert set(inventory["data_set"]) == {"mine"}


def test_what_is_fetched_is_remembered(tmp_path, monkeypatch):
    asked = []

    def fetch(files, base_url, root, **how):
        asked.append((sorted(files), base_url))
        if not root.is_dir():
            _write_folder(root)

    monkeypatch.setattr("hrtem_shift.micrographs.source.fetch_missing", fetch)
    own = _write_folder(tmp_path / "own")
    given = {"metadata": str(own / "metadata.csv"), "base_url": "https://example.org"}
    inventory_of(own, **given)
    assert not asked and not read_checksums(own)
    raw, net = RawMicrographs(tmp_path / "raw"), Ingestion(source="net", **given)
    inventory, _ = take_inventory(study(), net, raw)
    assert asked[0] == ([f"{k}.tif" for k in range(4)], "https://example.org")
    assert len(inventory) == 4 and len(read_checksums(tmp_path / "raw" / "net")) == 8
    image = tmp_path / "raw" / "net" / "2.tif"
    flipped = bytearray(image.read_bytes())
    flipped[-100] ^= 1  # one bit of one pixel
    image.write_bytes(flipped)
    with pytest.raises(InputErrors, match=r"(?s)1 fault, what was downloaded is kept.*2\.tif"):
        take_inventory(study(), net, raw)


@pytest.mark.parametrize("wrong", [{"rot": "a"}, {"source": "../a"}, {"source": ""}])
def test_wrong_parameters_are_refused(wrong):
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        Ingestion(**wrong)


@pytest.mark.parametrize("environment", ["base", "segtrack", "experimental", "published_patches"])
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
    inventory, _ = inventory_of(root, "segtrack", metadata=table)
    assert len(inventory) == 20
    assert set(inventory["height_px"]) == set(inventory["width_px"]) == {512}
