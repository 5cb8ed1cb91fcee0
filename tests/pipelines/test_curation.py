"""`kedro run --pipeline=curation_study` in miniature, and its comparisons with planted effects."""

import numpy as np
import pandas as pd
import pytest
import yaml
from planted_studies import scores
from pydantic import ValidationError

from hrtem_shift.evaluation.curation import factor_effects
from hrtem_shift.figures.curation_answer import curation_answer
from hrtem_shift.figures.factor_effects import factor_effects_figure
from hrtem_shift.pipelines.curation.parameters import CurationStudy

DICE = {"reference": 0.8, "few": 0.7, "many": 0.801, "flat": 0.85}
FACTORS = {"amount": ["few", "many"], "support": ["flat"]}


@pytest.fixture(scope="module")
def effects():
    cells = {(name, test): dice for name, dice in DICE.items() for test in ("unseen", "real")}
    table = scores(cells, 3)
    return factor_effects(table, "reference", FACTORS, ["unseen", "real"], folds=5, seed=1)


def test_planted_effects_are_found_and_a_small_one_is_not_decided(effects):
    assert len(effects) == 3 * 2 and (effects["n_folds"] == 5).all()
    by_arm = effects[effects["test_set"] == "real"].set_index("train_set")
    for name, change in (("few", -0.1), ("flat", 0.05)):
        assert by_arm.loc[name, "low"] < change < by_arm.loc[name, "high"]
        assert by_arm.loc[name, "low"] * by_arm.loc[name, "high"] > 0
    assert by_arm.loc["many", "low"] < 0 < by_arm.loc["many", "high"]
    assert by_arm.loc["flat", "reference_dice"] == pytest.approx(0.8, abs=0.01)


def test_the_answer_names_what_is_decided_largest_first(effects):
    _, real = curation_answer(effects, {"real": "recorded", "few": "10 images"})
    assert real.startswith("On recorded networks of the reference reach 0.80. Changes that are")
    assert real.index("10 images -0.10") < real.index("flat +0.05") and "Not decided: 1." in real
    nothing = effects.assign(low=-1.0, high=1.0)
    assert "None of 3 changes of the database is decided" in curation_answer(nothing, {})[0]


def test_the_figure_has_a_panel_a_test_and_a_row_an_arm(effects):
    figure = factor_effects_figure(effects, {"few": "10 images"})
    left, right = figure.axes
    assert left.get_title(loc="left").startswith("unseen") and len(right.lines) >= 3 * 2
    names = [text.get_text() for text in left.get_yticklabels()]
    assert names == ["amount", "support", "10 images", "many", "flat"]


BLOCK = {
    "reference": "a",
    "factors": {"amount": ["b"], "dose": ["c"]},
    "seed": 1,
    "folds": 2,
    "seeds": 1,
    "validation_fraction": 0.5,
    "preparation": {"patch_px": 64},
    "recipe": {"name": "quick"},
}


def test_sets_are_those_of_the_factors():
    assert CurationStudy.model_validate(BLOCK).data_sets == ["a", "b", "c"]
    for change, says in (
        ({"factors": {"amount": ["b"], "dose": ["b"]}}, "two factors"),
        ({"recipe": {"name": "fast"}}, "equally many steps"),
        ({"factors": {}}, "at least 1"),
    ):
        with pytest.raises(ValidationError, match=says):
            CurationStudy.model_validate(BLOCK | change)


def test_a_run_writes_the_comparison_and_the_report(new_project):
    project = new_project()
    scene = {
        "scene": {
            "field_nm": 6.144,
            "particles": {"count": 1, "diameter_nm": [*("normal", 2.6, 0.1)]},
            "carbon": {"thickness_nm": 1.0},
        },
        "multislice": {"pixels": 128, "slice_thickness_nm": 0.4, "phonon_configurations": 0},
    }
    arms = {"curation_reference": 6, "curation_10_images": 4, "curation_any_dose": 6}
    block = {
        "factors": {"amount": ["curation_10_images"], "dose": ["curation_any_dose"]},
        "test_sets": ["curation_unseen"],
        "folds": 2,
        "preparation": {"patch_px": 64},
        "recipe": {"epochs": 1, "batch_size": 4, "patches_per_epoch": 16},
    }
    none = dict.fromkeys(("structures", "variety", "defects", "support", "physics", "defocus"), ())
    block["factors"] |= {name: list(value) for name, value in none.items()}
    sets = {name: {"scenes": count, **scene} for name, count in arms.items()}
    sets["curation_unseen"] = {"scenes": 4, **scene}
    parameters = {
        "compute": {"executor": "serial"},
        "simulation": {"data_sets": sets},
        "curation_study": block,
    }
    project.environment_of("miniature", yaml.safe_dump(parameters))
    done = project.run("--pipeline=curation_study", env="miniature")
    assert done.returncode == 0, done.stdout + done.stderr
    table = pd.read_csv(project.reports / "curation_study" / "factor_effects.csv")
    assert list(table["train_set"]) == ["curation_10_images", "curation_any_dose"]
    assert np.isfinite(table["difference"]).all() and (table["n_folds"] == 2).all()
    page = (project.reports / "curation_study" / "report.html").read_text(encoding="utf-8")
    assert "Each database against the reference" in page
    assert "On unseen broad scenes networks of the reference reach" in page
    shown = project.run(
        "--pipeline=curation_study", "--params=curation_study.dry_run=true", env="miniature"
    )
    assert "networks              6" in shown.stdout + shown.stderr
