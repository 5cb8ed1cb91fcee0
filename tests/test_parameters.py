"""Parameters: a misspelt name or an impossible value is named, with its place."""

import pickle

import numpy as np
import pytest
from pydantic import Field

from hrtem_shift.errors import InputError, InputErrors
from hrtem_shift.fingerprints import fingerprint, fingerprint_arrays
from hrtem_shift.hooks import unknown_data_sets
from hrtem_shift.parameters import ParameterBlock, faults_of
from hrtem_shift.seeds import generator_at, seed_at


class Inner(ParameterBlock):
    epochs: int = Field(ge=1)


class Block(ParameterBlock):
    folds: int = Field(ge=2)
    inner: Inner


GOOD = {"folds": 5, "inner": {"epochs": 3}}


def faults(block):
    return [str(fault) for fault in faults_of("study", block, Block)]


def test_a_sound_block_has_no_faults():
    assert faults(GOOD) == []


@pytest.mark.parametrize(
    ("block", "message"),
    [
        (
            GOOD | {"folds": 1},
            "study.folds: input should be greater than or equal to 2, but it is 1",
        ),
        (GOOD | {"folds": "five"}, "study.folds: input should be a valid integer"),
        (GOOD | {"fods": 4}, "unknown parameter 'fods'; did you mean 'folds'?"),
        (GOOD | {"inner": {"epoch": 3}}, "study.inner: unknown parameter 'epoch'"),
        ({"inner": {"epochs": 3}}, "study.folds: it is missing"),
    ],
)
def test_a_fault_names_place_value_and_nearest_name(block, message):
    (fault,) = faults(block)
    assert message in fault


def test_all_faults_come_at_once():
    assert len(faults({"folds": 0, "inner": {"epochs": 0}})) == 2


def test_errors_cross_process_borders():
    error = InputError("is odd", where="x", why="Odd", fix="Even it")
    assert str(pickle.loads(pickle.dumps(error))) == str(error) == "x: is odd. Odd. Even it."
    several = InputErrors("Folder", [error, error])
    assert str(pickle.loads(pickle.dumps(several))) == str(several)


def test_seeds_depend_on_the_whole_address():
    addresses = [(1, "a", 2), (1, "a", 3), (2, "a", 2), (1, "a", "2"), (1, "a2"), (1, 2, "a")]
    assert len({seed_at(*address) for address in addresses}) == len(addresses)


def test_seeds_are_the_same_on_every_machine():
    """Numbers printed by this project's first version; a change would unmake every data set."""
    assert seed_at(2306, "scene", "dose_884", 0) == KNOWN_SEED
    assert generator_at(1, "x").integers(1 << 30) == KNOWN_DRAW


KNOWN_SEED = 116987509106015025591916307821690988211
KNOWN_DRAW = 165960450


def test_fingerprints_do_not_depend_on_the_order_of_keys():
    assert fingerprint({"a": 1, "b": [1.5]}) == fingerprint({"b": [1.5], "a": 1})
    assert fingerprint({"a": 1}) != fingerprint({"a": 2})


def test_fingerprints_of_arrays_see_type_shape_and_bytes():
    a = np.arange(6)
    others = [a.astype(np.float64), a.reshape(2, 3), a + 1]
    assert len({fingerprint_arrays(x) for x in [a, *others]}) == 4


def blocks(names, selected=(), tested=()):
    return {
        "simulation": {"data_sets": {"dose_80": {}, "gone": None}},
        "ingestion": {"data_sets": {name: {"material": "Au"} for name in selected}},
        "some_study": {"data_sets": list(names), "test_sets": list(tested)},
    }


@pytest.mark.parametrize(
    ("names", "selected"),
    [(["dose_80"], []), (["own"], []), (["dose_80", "gold"], ["gold"]), (["gold"], ["gold"])],
)
def test_data_sets_are_simulated_or_selected_or_a_whole_folder(names, selected):
    assert unknown_data_sets(blocks(names, selected)) == []


def test_one_whole_folder_may_be_tested_on_beside_simulated_sets():
    assert unknown_data_sets(blocks(["dose_80"], tested=["own"])) == []
    assert len(unknown_data_sets(blocks(["dose_80"], tested=["own", "other"]))) == 2
    assert len(unknown_data_sets(blocks(["dose_80"], ["gold"], tested=["own"]))) == 1


@pytest.mark.parametrize(
    ("names", "selected"),
    [(["dose_80", "dose_8"], []), (["dose_8"], ["gold"]), (["gone"], ["gold"])],
)
def test_a_data_set_that_is_neither_is_named_with_the_nearest(names, selected):
    (fault,) = unknown_data_sets(blocks(names, selected))
    assert fault.where == "some_study.data_sets" and names[-1] in fault.what
    if names[-1] == "dose_8":
        assert "did you mean 'dose_80'?" in fault.what
