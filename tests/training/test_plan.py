"""A network's name changes with whatever decides its result, and with nothing else."""

import pytest

from hrtem_shift.microscope.conditions import Camera
from hrtem_shift.training.plan import make_plan, plan_row
from hrtem_shift.training.recipe import Recipe, TrainingNoise

BASE = {
    "train_set": "dose_884",
    "patch_set_fingerprint": "abc",
    "fold": 0,
    "seed": 0,
    "root_seed": 1,
    "validation_fraction": 0.125,
    "recipe": Recipe(
        epochs=3,
        batch_size=8,
        learning_rate=0.01,
        schedule="one_cycle",
        rotation_probability=0.5,
        precision="auto",
    ),
    "noise": TrainingNoise(),
}


def run_id(**changes):
    return plan_row(**(BASE | changes))["run_id"]


@pytest.mark.parametrize(
    "change",
    [
        {"patch_set_fingerprint": "abd"},
        {"fold": 1},
        {"seed": 1},
        {"root_seed": 2},
        {"validation_fraction": 0.2},
        {"recipe": BASE["recipe"].model_copy(update={"epochs": 4})},
        {"recipe": BASE["recipe"].model_copy(update={"learning_rate": 0.011})},
        {"noise": TrainingNoise(rho=0.5)},
        {"noise": TrainingNoise(mode="uniform", rho=0.5)},
    ],
)
def test_every_decision_changes_the_name(change):
    assert run_id(**change) != run_id()


def test_no_noise_is_the_same_in_both_modes():
    assert run_id(noise=TrainingNoise(mode="uniform", rho=0)) == run_id()


def test_names_are_readable():
    name = run_id(noise=TrainingNoise(rho=0.5), fold=2, seed=1)
    assert name.startswith("dose_884_fixed0.5_fold2_seed1_")


def test_a_plan_holds_each_network_once():
    row = plan_row(**BASE)
    assert len(make_plan([row, row])) == 1


def test_a_camera_decides_only_where_electrons_are_thinned():
    camera, thinned = Camera(dqe_zero=0.5), TrainingNoise(mode="thinning", rho=0.1)
    assert run_id(camera=camera) == run_id()
    assert run_id(noise=thinned, camera=camera) != run_id(noise=thinned, camera=Camera())
    assert run_id(noise=thinned, camera=camera).startswith("dose_884_thinning0.1_fold0")
