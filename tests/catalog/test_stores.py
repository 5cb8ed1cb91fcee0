"""The catalog's own datasets: what is put comes back, and nothing is half there."""

import numpy as np
import pandas as pd
import pytest
from kedro.io import DatasetError
from matplotlib.figure import Figure

from hrtem_shift.catalog.atomic_files import (
    AtomicCSVDataset,
    AtomicFigureDataset,
    AtomicJSONDataset,
    AtomicParquetDataset,
    AtomicTextDataset,
)
from hrtem_shift.catalog.exit_wave_store import ExitWaveStoreDataset
from hrtem_shift.catalog.micrograph_folders import MicrographFoldersDataset
from hrtem_shift.catalog.network_store import NetworkStoreDataset
from hrtem_shift.micrographs.folder import inspect_folder, load_micrograph
from hrtem_shift.micrographs.micrograph import Micrograph
from hrtem_shift.networks.architectures import new_network
from hrtem_shift.networks.weights import weights_of

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("kind", "name"),
    [(AtomicCSVDataset, "table.csv"), (AtomicParquetDataset, "table.parquet")],
)
def test_tables_come_back_with_all_their_digits(tmp_path, kind, name):
    table = pd.DataFrame({"x": RNG.random(50) / 3, "name": [f"m{i:03d}" for i in range(50)]})
    dataset = kind(filepath=str(tmp_path / name))
    dataset.save(table)
    first = (tmp_path / name).read_bytes()
    pd.testing.assert_frame_equal(dataset.load(), table, check_exact=True)
    dataset.save(dataset.load())
    assert (tmp_path / name).read_bytes() == first
    assert dataset.preview(nrows=3)["columns"] == ["x", "name"]


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (AtomicCSVDataset, pd.DataFrame({"x": [1, 2]}), "no table"),
        (AtomicParquetDataset, pd.DataFrame({"x": [1, 2]}), pd.DataFrame({"x": [object()]})),
        (AtomicJSONDataset, {"a": 1}, {"a": 1, "b": object()}),
        (AtomicTextDataset, "before", 7),
    ],
)
def test_a_failed_save_leaves_the_old_file_and_nothing_else(tmp_path, kind, good, bad):
    dataset = kind(filepath=str(tmp_path / "file"))
    dataset.save(good)
    before = (tmp_path / "file").read_bytes()
    with pytest.raises(DatasetError):
        dataset.save(bad)
    assert (tmp_path / "file").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_names_that_look_like_numbers_stay_names(tmp_path):
    table = pd.DataFrame({"micrograph": ["001", "1", "1e3"]})
    dataset = AtomicParquetDataset(filepath=str(tmp_path / "inventory.parquet"))
    dataset.save(table)
    assert dataset.load()["micrograph"].tolist() == ["001", "1", "1e3"]


def test_figures_are_the_same_bytes_twice_and_pages_come_back(tmp_path):
    drawn = []
    for name in ("a.png", "b.png"):
        figure = Figure()
        figure.add_subplot().plot([1, 2])
        AtomicFigureDataset(str(tmp_path / name)).save(figure)
        drawn.append(AtomicFigureDataset(str(tmp_path / name)).load())
    assert drawn[0] == drawn[1] and drawn[0].startswith(b"\x89PNG")
    page = AtomicTextDataset(filepath=str(tmp_path / "report.html"))
    page.save("<p>µ</p>\n")
    assert page.load() == "<p>µ</p>\n"


def test_networks_are_known_only_when_they_are_whole(tmp_path):
    store = NetworkStoreDataset(str(tmp_path / "networks")).load()
    weights = weights_of(new_network(1))
    store.put({"run_id": "a", "curve": [{"epoch": 0}]}, weights)
    (tmp_path / "networks" / "b").mkdir()  # as a crash of another program would leave it
    assert store.finished(["a", "b", "c"]) == {"a"}
    assert store.record("a")["curve"] == [{"epoch": 0}]
    back = store.weights("a")
    assert all(np.array_equal(back[name], weights[name]) for name in weights)
    assert store.scores("a", "test") is None
    counts = pd.DataFrame({"patch": [0, 1], "true_positive": [5, 6]})
    store.put_scores("a", "test", counts)
    pd.testing.assert_frame_equal(store.scores("a", "test"), counts)


def test_exit_waves_come_back_bit_for_bit(tmp_path):
    store = ExitWaveStoreDataset(str(tmp_path / "waves")).load()
    wave = (RNG.random((32, 32)) + 1j).astype(np.complex64)
    arrays = {"wave": wave, "instance": np.ones((32, 32), np.uint8)}
    store.put("scene", arrays, {"pixel_size_nm": 0.02})
    found, attributes = store.get("scene")
    assert np.array_equal(found["wave"], wave) and found["wave"].dtype == np.complex64
    assert np.array_equal(found["instance"], arrays["instance"])
    assert attributes == store.attributes("scene") == {"pixel_size_nm": 0.02}
    assert store.finished(["scene", "other"]) == {"scene"}


def test_simulated_folders_are_read_by_the_code_that_reads_real_ones(tmp_path):
    folders = MicrographFoldersDataset(str(tmp_path)).load()
    mask = np.zeros((40, 40), bool)
    mask[10:20, 5:30] = True
    pixels = RNG.random((40, 40)).astype(np.float32)
    micrograph = Micrograph("set_0000", pixels, 0.02, mask, {})
    table = pd.DataFrame(
        {"micrograph": ["set_0000"], "pixel_size_nm": [0.02], "group": ["s_0"], "dose_e_per_A2": 80}
    )
    folders.write("set", "old", micrograph)
    folders.write("set", "abc", micrograph)
    assert folders.written("set", "abc") == {"set_0000"} and not folders.holds("set", "abc")
    folders.finish("set", "abc", table)
    assert folders.holds("set", "abc") and not folders.holds("set", "abd")
    assert [path.name for path in tmp_path.iterdir()] == ["set"]  # an older start is gone
    folder = folders.folder("set")
    inventory = inspect_folder(folder, folder / "metadata.csv")
    assert inventory["group"].tolist() == ["s_0"] and inventory["dose_e_per_A2"].tolist() == [80]
    back = load_micrograph(inventory.iloc[0])
    assert np.array_equal(back.pixels, pixels) and np.array_equal(back.mask, mask)
    assert (back.name, back.pixel_size_nm) == ("set_0000", 0.02)


def test_a_store_is_not_saved_as_a_whole(tmp_path):
    with pytest.raises(DatasetError, match=r"use its store's put\(\)"):
        NetworkStoreDataset(str(tmp_path)).save({"a": 1})
