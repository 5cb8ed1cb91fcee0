"""Conditions become data sets, other lattices a control; a dry run says what it would cost."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from kedro.config import OmegaConfigLoader
from pydantic import ValidationError

from hrtem_shift.errors import InputError, RunEnds
from hrtem_shift.pipelines.imaging.conditions import study_conditions
from hrtem_shift.pipelines.imaging.nodes import add_mixtures, choose_conditions, propose_mixtures
from hrtem_shift.pipelines.imaging.parameters import ImagingStudy, label_of
from hrtem_shift.pipelines.simulation.parameters import Simulation
from hrtem_shift.settings import CONFIG_LOADER_ARGS
from hrtem_shift.shift.overlap import transfer_overlap

CONF = Path(__file__).parents[2] / "conf"
BLOCKS = OmegaConfigLoader(str(CONF), **CONFIG_LOADER_ARGS)["parameters"]
NIGHT = OmegaConfigLoader(str(CONF), env="night", **CONFIG_LOADER_ARGS)["parameters"]


def study(**changes):
    return ImagingStudy.model_validate(BLOCKS["imaging_study"] | changes)


SIMULATION = Simulation.model_validate(BLOCKS["simulation"])


def test_every_condition_is_a_data_set_of_the_same_scenes():
    sets = choose_conditions(SIMULATION, study()).data_sets
    conditions = study().conditions
    same_scenes = {name for name, each in sets.items() if each.scenes_from == "imaging"}
    assert set(conditions) == same_scenes
    assert sets["imaging.defocus_12_cs_1.2"].imaging["cs_mm"] == 1.2
    assert sets["imaging.defocus_-20"].imaging["defocus_nm"] == -20
    assert len(set(study().data_sets) & set(study().test_sets)) == 0


def test_other_lattices_have_scenes_of_their_own_under_the_control():
    sets = choose_conditions(SIMULATION, study()).data_sets
    copper = sets["imaging.Cu"]
    assert copper.scenes_from is None and copper.scene.particles.material == ["Cu"]
    assert copper.imaging["defocus_nm"] == 6


def test_the_base_study_has_a_metamer_and_an_equal_distance():
    """+C1, +Cs transfers as much as -C1, -Cs, though defocus differs by 24 nm."""
    conditions = study_conditions(study(), SIMULATION)
    pair = [conditions["imaging.defocus_12_cs_1.2"], conditions["imaging.defocus_-12_cs_-1.2"]]
    assert transfer_overlap(pair, pair, study().measure)[0, 1] == pytest.approx(1, abs=1e-6)


def test_a_label_says_what_a_reader_knows():
    named = {"defocus_nm": -12.0, "cs_mm": 1.2, "dose_e_per_A2": 100.0}
    assert label_of(named) == "defocus −12 nm, cs 1.2 mm, dose 100 e/Å²"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"train": [{"defocus": [1, 2]}]}, "did you mean 'defocus_nm'"),
        ({"control": {"defocus_nm": 5}}, "none of the conditions trained under"),
        ({"structures": ["Gold"]}, "there is no material"),
        ({"distributions": {"broad": {"defocus": 3}}}, "did you mean 'defocus_nm'"),
        ({"distributions": {"Cu": {"defocus_nm": 3}}}, "have the name of another"),
    ],
)
def test_an_impossible_study_is_named(changes, says):
    with pytest.raises(ValidationError, match=says):
        study(**changes)


def test_an_impossible_condition_is_named():
    with pytest.raises(InputError, match="greater than or equal to 0"):
        choose_conditions(SIMULATION, study(unseen=[{"focal_spread_std_nm": -1}]))


def test_a_dry_run_counts_networks_bytes_and_hours():
    with pytest.raises(RunEnds) as ended:
        choose_conditions(SIMULATION, study(dry_run=True))
    said = str(ended.value)
    networks = 3 * (7 + 2 + 2)  # seeds, conditions, lattices, mixtures
    assert f"networks {networks:>14}" in said and "device-hours" in said and "dollars" in said


NIGHT_STUDIES = ("imaging_study", "gold_imaging_study")


def test_the_night_has_the_networks_conditions_and_tests_that_were_asked_for():
    studies = [ImagingStudy.model_validate(NIGHT[name]) for name in NIGHT_STUDIES]
    networks = 0
    for night in studies:
        assert len(night.trained) >= 60 and len(night.conditions) >= 100 and night.seeds >= 4
        assert len(night.drawn) == 8 and len(night.structures) == 4
        values = pd.DataFrame(list(night.conditions.values()))
        for field, low, high in (
            ("defocus_nm", -120, 120),
            ("cs_mm", -0.6, 1.2),
            ("dose_e_per_A2", 20, 1600),
        ):
            assert (values[field].min(), values[field].max()) == (low, high)
        varied = {"focal_spread_std_nm", "illumination_angle_std_mrad", "c12_nm", "c23_nm"}
        assert varied | {"scatter_std_px"} <= set(values)
        networks += len(night.data_sets) * night.train_folds * night.seeds
    assert networks >= 1200
    gold, cdse = (NIGHT["simulation"]["data_sets"][each.template] for each in studies[::-1])
    assert gold["imaging"]["absorption_length_nm"] and cdse["scene"]["particles"]["material"]
    assert gold["scenes"] == cdse["scenes"]


@pytest.mark.parametrize("name", NIGHT_STUDIES)
def test_the_night_is_planned_and_its_cost_is_known_beforehand(name):
    simulation = Simulation.model_validate(NIGHT["simulation"])
    night = ImagingStudy.model_validate(NIGHT[name])
    sets = choose_conditions(simulation, night).data_sets
    everything = sets[f"{night.template}.everything"]
    assert everything.scenes_from == night.template  # scenes are split before they are imaged
    assert everything.imaging["cs_mm"].high == 1.2
    with pytest.raises(RunEnds) as ended:
        choose_conditions(simulation, night.model_copy(update={"dry_run": True}))
    said = str(ended.value)
    assert "networks            648" in said and "tests            76,464" in said


def test_the_paper_scale_is_counted_in_seconds():
    dense = [{"defocus_nm": np.linspace(-40, 40, 41).tolist(), "cs_mm": [0, 0.6, 1.2]}]
    many = study(train=dense, control={"defocus_nm": 0.0, "cs_mm": 0}, seeds=10, dry_run=True)
    with pytest.raises(RunEnds, match="1,270"):  # (123 conditions, 2 lattices, 2 mixtures) x 10
        choose_conditions(SIMULATION, many)


def test_mixtures_are_proposed_before_any_score_and_show_each_scene_once():
    mixtures = propose_mixtures(study(), SIMULATION)
    assert (mixtures.groupby("mixture")["images"].sum() == 32).all()
    proposed, even = (
        mixtures[mixtures["mixture"] == name]["coverage"].iloc[0]
        for name in ("mixture_proposed", "mixture_even")
    )
    assert proposed >= even
    names = list(study().trained)
    inventory = pd.DataFrame(
        [(name, f"scene {k}") for name in names for k in range(32)], columns=["data_set", "group"]
    )
    mixed = add_mixtures(inventory, mixtures)
    own = mixed[mixed["data_set"] == "mixture_proposed"]
    assert len(own) == 32 and own["group"].is_unique
    with pytest.raises(InputError, match="32 images of 20 scenes"):
        add_mixtures(
            inventory[inventory["group"].isin([f"scene {k}" for k in range(20)])], mixtures
        )
