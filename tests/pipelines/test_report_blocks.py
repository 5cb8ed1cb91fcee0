"""What every report says of a study, read off its parameters and tables."""

import pandas as pd
import pytest

from hrtem_shift.networks.architectures import new_network
from hrtem_shift.pipelines.report_blocks import what_was_run
from hrtem_shift.pipelines.study import Study
from hrtem_shift.tracking import Tracking

INVENTORY = pd.DataFrame(
    {
        "data_set": ["low", "low", "high"],
        "pixel_size_nm": [0.02, 0.03, 0.02],
        "dose_e_per_A2": [80.0, 80.0, 884.0],
    }
)
NOTHING = pd.DataFrame({"data_set": [], "micrograph": []})


def said(
    architecture="residual_unet",
    left_out=NOTHING,
    dice=(0.9, 0.8, 0.7),
    recipe="quick",
    uri="sqlite:///x",
):
    study = Study(
        data_sets=["low", "high"],
        seed=0,
        folds=5,
        seeds=1,
        validation_fraction=0.125,
        preparation={"patch_px": 64, "rescaling": "standardize"},
        recipe={"name": recipe, "architecture": architecture},
    )
    networks = pd.DataFrame({"run_id": list("abc"), "validation_dice": dice})
    return dict(what_was_run(study, networks, INVENTORY, left_out, Tracking(uri=uri)))


def test_data_sets_are_counted_and_their_ranges_named():
    assert said()["Data sets"] == (
        "low: 2 micrographs at 80 e/Å², 0.02 to 0.03 nm per pixel; "
        "high: 1 micrograph at 884 e/Å², 0.02 nm per pixel"
    )
    assert said()["Left out"] == "nothing"


@pytest.mark.parametrize(
    ("architecture", "name"),
    [("residual_unet", "residual U-Nets"), ("preactivation_unet", "preactivation_unet")],
)
def test_networks_are_those_of_the_recipe_with_the_parameters_that_they_have(architecture, name):
    trained = new_network(0, architecture)
    count = sum(one.numel() for one in trained.parameters())
    assert said(architecture)["Networks"] == f"3 {name} of {count:,} parameters"


def test_the_published_network_has_the_published_number_of_parameters():
    assert said()["Networks"] == "3 residual U-Nets of 130,682 parameters"


def test_micrographs_that_were_left_out_are_counted_once():
    faults = [("low", "m1"), ("low", "m1"), ("high", "m2")]
    left_out = pd.DataFrame(faults, columns=["data_set", "micrograph"])
    assert said(left_out=left_out)["Left out"] == "2 micrographs that could not be used"


def test_networks_that_find_nothing_are_not_hidden_in_means():
    assert said(dice=(0.9, 0.0, 0.0))["Networks"].endswith(
        "parameters, 2 of which found no particle when validated; all count in means"
    )


@pytest.mark.parametrize(
    ("recipe", "shown"),
    [("quick", "10 epochs of 160 patches"), ("fast", "30 epochs of 4 passes over the patches")],
)
def test_the_recipe_says_how_much_an_epoch_is(recipe, shown):
    assert f"{shown}, batch 16" in said(recipe=recipe)["Recipe"]


def test_the_tracking_server_is_named_where_there_is_one():
    assert "MLflow" not in said()
    assert said(uri="http://server:5000")["MLflow"] == "http://server:5000"
