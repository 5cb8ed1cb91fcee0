"""Networks of which only results are left are neither trained nor tested again."""

from types import SimpleNamespace

import pandas as pd
import pytest
from disc_patches import RECIPE, disc_patch_set

from hrtem_shift.catalog.network_store import NetworkStore
from hrtem_shift.catalog.results import StudyResults, read_results, write_results
from hrtem_shift.errors import InputError
from hrtem_shift.execution.compute import Compute
from hrtem_shift.execution.shards import PlanUnfinished
from hrtem_shift.pipelines.evaluation.nodes import score_networks
from hrtem_shift.pipelines.kept_results import tables_to_keep
from hrtem_shift.pipelines.study import Study
from hrtem_shift.pipelines.training.networks import plan_networks, train_networks

SETS = pd.DataFrame({"data_set": ["dark", "grey"], "trained_on": [True, True]})


def study(**changes):
    block = {
        "data_sets": ["dark", "grey"],
        "seed": 1,
        "folds": 3,
        "seeds": 2,
        "validation_fraction": 0.2,
        "preparation": {
            "patch_px": 32,
            "min_particle_fraction": 0.0,
            "rescaling": "standardize",
        },
        "recipe": RECIPE.model_dump() | {"epochs": 1},
        "particles": False,
    }
    return Study.model_validate(block | changes)


class Machine:
    """A store and results, and what a run of the study does with them."""

    def __init__(self, store, results, patch_sets=None):
        self.store, self.results = NetworkStore(store), results
        self.patch_sets = patch_sets or {
            "dark": disc_patch_set("dark"),
            "grey": disc_patch_set("grey", contrast=1.0, seed=1),
        }

    def run(self, study, shard=(0, 1)):
        """Networks and scores; the latter is the error where the plan is unfinished."""
        index, count = shard
        shard = {"index": index, "count": count}
        compute = Compute(executor="serial", device="cpu", shard=shard)
        silent = SimpleNamespace(
            **dict.fromkeys(
                ("set_sources", "log_network", "network_started", "epoch", "log_scores"),
                lambda *_: None,
            )
        )
        kept = read_results(self.results)
        plan = plan_networks(study, SETS, self.patch_sets)
        how = (study, compute, self.store, kept, silent)
        networks = train_networks(plan, self.patch_sets, SETS, *how)
        try:
            return networks, score_networks(plan, self.patch_sets, SETS, None, *how)
        except PlanUnfinished as unfinished:
            return networks, unfinished

    def keep(self, study):
        plan = plan_networks(study, SETS, self.patch_sets)
        kept = read_results(self.results)
        tables, untested, missing = tables_to_keep(
            plan, self.patch_sets, SETS, study, self.store, kept
        )
        write_results(self.results, tables, None, {"study": "discs"})
        return untested, missing

    def trained(self):
        return {path.parent.name for path in self.store.folder.glob("*/record.json")}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """All on one machine."""
    folder = tmp_path_factory.mktemp("whole")
    machine = Machine(folder / "networks", folder / "results")
    networks, scores = machine.run(study())
    assert machine.keep(study()) == (0, 0)
    return SimpleNamespace(machine=machine, networks=networks, scores=scores)


@pytest.fixture(scope="module")
def half(tmp_path_factory, whole):
    """Results of a machine that did its part, and was lost."""
    folder = tmp_path_factory.mktemp("half")
    machine = Machine(folder / "networks", folder / "results")
    networks, unfinished = machine.run(study(), shard=(0, 2))
    assert isinstance(unfinished, PlanUnfinished)
    assert 0 < len(networks) < len(whole.networks)
    untested, missing = machine.keep(study())
    assert untested == 0 and missing == unfinished.missing == 12 - len(networks)
    return machine


def test_a_second_machine_goes_on_and_ends_with_the_tables_of_a_single_one(tmp_path, half, whole):
    second = Machine(tmp_path / "networks", half.results)
    networks, scores = second.run(study())
    assert second.trained().isdisjoint(half.trained())
    assert len(second.trained()) + len(half.trained()) == 12
    assert networks.to_csv() == whole.networks.to_csv()
    assert scores.to_csv() == whole.scores.to_csv()


def test_results_of_both_parts_are_those_of_a_single_machine(tmp_path, half, whole):
    second = Machine(tmp_path / "networks", tmp_path / "results")
    results = read_results(half.results)
    write_results(second.results, results.tables, None, {})
    second.run(study())
    assert second.keep(study()) == (0, 0)
    merged, single = (read_results(each.results).tables for each in (second, whole.machine))
    pd.testing.assert_frame_equal(merged["scores"], single["scores"], check_exact=True)
    seconds = "seconds"
    pd.testing.assert_frame_equal(
        merged["networks"].drop(columns=seconds), single["networks"].drop(columns=seconds)
    )


def test_other_bytes_of_the_same_patches_find_their_results(tmp_path, whole):
    """A processor that rounds otherwise: the patches differ, and what they are made of does not."""
    originals = {
        name: SimpleNamespace(fingerprint=f"{name} here", made_of=patches.made_of)
        for name, patches in whole.machine.patch_sets.items()
    }
    rounded = {
        name: SimpleNamespace(**vars(each), index=whole.machine.patch_sets[name].index)
        for name, each in originals.items()
    }
    elsewhere = Machine(tmp_path / "networks", whole.machine.results, rounded)
    networks, scores = elsewhere.run(study())
    assert not elsewhere.trained()
    assert set(networks["run_id"]).isdisjoint(whole.networks["run_id"])
    assert networks["weights"].tolist() == whole.networks["weights"].tolist()
    assert scores["hard_dice"].tolist() == whole.scores["hard_dice"].tolist()


def test_a_network_that_lacks_a_new_test_is_trained_again(tmp_path, whole, caplog):
    caplog.set_level("INFO")
    machine = Machine(tmp_path / "networks", whole.machine.results)
    asked = study(test_on_training=True)
    _, scores = machine.run(asked)
    assert len(machine.trained()) == 12 and "12 networks lack tests" in caplog.text
    again = scores[scores["patches"] != "train"].reset_index(drop=True)
    pd.testing.assert_frame_equal(again, whole.scores, check_exact=True)


def test_trained_networks_without_tests_are_counted_and_left_out(tmp_path, whole):
    machine = Machine(tmp_path / "networks", tmp_path / "results")
    for run_id in sorted(whole.machine.trained())[:2]:
        record, weights = whole.machine.store.record(run_id), whole.machine.store.weights(run_id)
        machine.store.put(record, weights)
    assert machine.keep(study()) == (2, 12)
    assert len(read_results(machine.results).networks) == 0


@pytest.mark.parametrize(("table", "column"), [("scores", "hard_dice"), ("networks", "weights")])
def test_other_numbers_of_the_same_network_are_an_error(tmp_path, whole, table, column):
    tables = dict(read_results(whole.machine.results).tables)
    changed = tables[table].copy()
    old = changed.loc[0, column]
    changed.loc[0, column] = old + 0.25 if table == "scores" else "other"
    tables[table] = changed
    write_results(tmp_path / "results", tables, None, {})
    machine = Machine(whole.machine.store.folder, tmp_path / "results")
    with pytest.raises(InputError) as error:
        machine.keep(study())
    assert f"{column} is {changed.loc[0, column]} in results and {old} in this run" in str(
        error.value
    )
    assert changed.loc[0, "run_id"] in error.value.where


def test_results_of_other_parameters_are_an_error(whole):
    with pytest.raises(InputError, match="24 of 24 scores are of tests that are not planned"):
        whole.machine.keep(study(patches_per_test=3))


@pytest.mark.parametrize("name", ["scores.parquet", "networks.parquet", "about.json"])
def test_a_damaged_file_is_named(tmp_path, whole, name):
    folder = tmp_path / "results"
    write_results(folder, read_results(whole.machine.results).tables, None, {})
    path = folder / name
    content = path.read_bytes()
    for damaged in (content[: len(content) // 2], content[:60] + b"\0?" + content[62:]):
        path.write_bytes(damaged)
        with pytest.raises(InputError) as error:
            read_results(folder)
        assert error.value.where == str(path)
    path.unlink()
    with pytest.raises(InputError):
        read_results(folder)


def test_results_of_a_night_are_small(tmp_path):
    """648 networks on 112 sets: at most 2 MiB, whatever they scored."""
    import numpy as np

    rng = np.random.default_rng(1)
    networks = [(f"imaging.defocus_{k // 8}_cs_1.2", k // 4 % 2, k % 4) for k in range(648)]
    run_ids = [f"{name}_fold{f}_seed{s}_{rng.bytes(5).hex()}" for name, f, s in networks]
    tests = [f"imaging.defocus_{k}_cs_0.6" for k in range(112)]
    n, truth = len(run_ids) * len(tests), rng.integers(3000, 30000, len(tests))
    right = rng.binomial(np.tile(truth, len(run_ids)), rng.uniform(0.2, 0.9, n))
    wrong = rng.integers(0, 20000, n)
    scores = pd.DataFrame(
        {
            "run_id": np.repeat(run_ids, len(tests)),
            "variant": "",
            "train_set": np.repeat([name for name, _, _ in networks], len(tests)),
            "fold": np.repeat([fold for _, fold, _ in networks], len(tests)),
            "seed": np.repeat([seed for _, _, seed in networks], len(tests)),
            "noise_mode": "fixed",
            "rho": 0.0,
            "test_set": tests * len(run_ids),
            "patches": "unseen",
            "test_rho": 0.0,
            "norm_share": 0.0,
            "test_id": [f"{name}_unseen_of12_1_{'0' * 16}" for name in tests] * len(run_ids),
            "hard_dice": rng.uniform(0, 1, n),
            "false_positive_rate": wrong / (12 * 128**2 - np.tile(truth, len(run_ids))),
            "false_negative_rate": 1 - right / np.tile(truth, len(run_ids)),
            "n_patches": 12,
            "reason": "",
        }
    )
    networks = pd.DataFrame({"run_id": run_ids, "made_of": run_ids})
    write_results(tmp_path / "r", {"networks": networks, "scores": scores}, None, {})
    assert (tmp_path / "r" / "scores.parquet").stat().st_size <= 2 * 2**20
    back = read_results(tmp_path / "r")
    pd.testing.assert_frame_equal(back.tables["scores"], scores, check_exact=True)


def test_a_study_without_results_has_none(tmp_path):
    results = read_results(tmp_path / "missing")
    assert isinstance(results, StudyResults) and not results.networks
    assert results.score(("a", "b")) is None
