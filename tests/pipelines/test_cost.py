"""A dry run of any study counts networks, tests and images, and names what it cannot count."""

from pathlib import Path

import pytest
from kedro.config import OmegaConfigLoader

from hrtem_shift.errors import InputError, RunEnds
from hrtem_shift.hooks import kind_of_study
from hrtem_shift.pipelines.ingestion.nodes import take_inventory
from hrtem_shift.pipelines.simulation.cost import cost_of
from hrtem_shift.pipelines.simulation.nodes import choose_for_study
from hrtem_shift.pipelines.simulation.parameters import Simulation
from hrtem_shift.settings import CONFIG_LOADER_ARGS

CONF = Path(__file__).parents[2] / "conf"
BLOCKS = OmegaConfigLoader(str(CONF), **CONFIG_LOADER_ARGS)["parameters"]
SIMULATION = Simulation.model_validate(BLOCKS["simulation"])


def study(name, **changes):
    return kind_of_study(name).model_validate(BLOCKS[name] | changes)


def counted(text, row):
    """Count and hours of a row."""
    cells = next(line for line in text.splitlines() if line.split()[:1] == [row]).split()
    return int(cells[1].replace(",", "")), float(cells[4])


def cost(name, **changes):
    return cost_of(study(name, **changes), SIMULATION.data_sets)


@pytest.mark.parametrize(
    ("name", "networks", "tests", "images"),
    [
        ("size_study", 3 * 5, 15 * 3, 60),
        ("session_study", 4 * 3 * 2, 24 * 4, 80),  # variants share their images
        ("hyperparameter_study", 16 + 2 * 5, 10 * 2, 80),  # trials are not tested
        # The matrix with mixed norms; a second network without noise, and two of each noise and
        # of thinning, for two doses; fixed noise is tested on the same noise, too.
        ("dose_study", 15 + 2 + 2 * (9 + 2), 3 * (2 * 17 + 2 * (2 * (5 + 2) + 3 + 1)), 120),
    ],
)
def test_networks_tests_and_images_are_those_of_the_study(name, networks, tests, images):
    said = cost(name)
    assert [counted(said, row)[0] for row in ("networks", "tests", "images")] == [
        networks,
        tests,
        images,
    ]


def test_sets_that_share_scenes_and_physics_share_waves():
    sets = SIMULATION.data_sets
    pair = {"a": sets["dose_884"].model_copy(update={"scenes_from": "same"})}
    pair["b"] = pair["a"].model_copy(update={"imaging": sets["dose_80"].imaging})
    both = study("size_study", data_sets=["a", "b"], labels={}, axis=None)
    assert "exit waves           40" in cost_of(both, pair)
    apart = {name: each.model_copy(update={"scenes_from": None}) for name, each in pair.items()}
    assert "exit waves           80" in cost_of(both, apart)


def test_twice_as_many_networks_take_twice_as_long():
    base = BLOCKS["size_study"]
    once, twice = (counted(cost("size_study", seeds=k), "networks") for k in (100, 200))
    assert base["seeds"] == 1 and twice[0] == 2 * once[0]
    assert twice[1] == pytest.approx(2 * once[1], abs=0.02)


def test_patches_per_test_bound_the_time_of_tests():
    all_patches, few = (
        counted(cost("size_study", seeds=100, particles=False, patches_per_test=most), "tests")
        for most in (None, 4)
    )
    assert few[0] == all_patches[0] and few[1] < all_patches[1] / 10


def test_recorded_sets_are_named_and_not_counted():
    said = cost("fidelity_study", test_sets=["fidelity_reality", "segtrack"])
    assert "not counted: tests on segtrack, which is recorded" in said
    with pytest.raises(InputError, match="trained on recorded"):
        cost("size_study", data_sets=["own_images"], labels={})


def test_a_dry_run_ends_before_anything_is_simulated():
    with pytest.raises(RunEnds, match="nothing was done"):
        choose_for_study(SIMULATION, study("size_study", dry_run=True))
    assert set(choose_for_study(SIMULATION, study("size_study")).data_sets) == set(
        BLOCKS["size_study"]["data_sets"]
    )


NIGHT = OmegaConfigLoader(str(CONF), env="night", **CONFIG_LOADER_ARGS)["parameters"]
NIGHT_STUDIES = sorted(path.stem.split("_", 1)[1] for path in CONF.glob("night/*_study.yml"))


@pytest.mark.parametrize(
    "name", [name for name in NIGHT_STUDIES if name not in ("imaging_study", "curation_study")]
)
def test_a_night_has_the_networks_that_the_power_calculation_asks_for(name):
    """docs/studies.md, How many networks."""
    night = kind_of_study(name).model_validate(NIGHT[name])
    folds = night.train_folds or night.folds
    assert folds >= 10 and folds * night.seeds >= 20 and night.question == study(name).question
    assert all(axis.seeds >= 10 for axis in night.noise)
    said = cost_of(night, Simulation.model_validate(NIGHT["simulation"]).data_sets)
    hours = float(said.split(" device-hours")[0].split()[-1])
    assert 0.5 < hours < 16  # a night on two cores


def test_the_night_of_curation_has_ten_factors_and_ten_networks_a_database():
    night = kind_of_study("curation_study").model_validate(NIGHT["curation_study"])
    assert len(night.factors) >= 8 and night.folds * night.seeds >= 10
    assert set(night.data_sets) <= set(night.labels)
    sets = Simulation.model_validate(NIGHT["simulation"]).data_sets
    images = {name: sets[name].scenes * sets[name].images_per_scene for name in night.data_sets}
    amount = {images.pop(name) for name in night.factors["amount"]}
    assert amount == {30, 100, 1000, 3000} and set(images.values()) == {300}
    said = cost_of(night, sets)
    assert "tests on segtrack, which is recorded" in said and "tests on emps" in said


def test_a_dry_run_on_recorded_micrographs_alone_is_refused():
    with pytest.raises(InputError, match="trained on recorded"):
        take_inventory(study("cross_validation", dry_run=True), None, None)
