"""Trials of a search: trained to the end, or given up with a record of what was seen."""

import dataclasses
import math

import numpy as np
from disc_patches import RECIPE, disc_patch_set, one_thread

from hrtem_shift.pipelines.hyperparameter_search.parameters import HyperparameterStudy
from hrtem_shift.pipelines.hyperparameter_search.trials import NOTHING_LEARNED, train_trial
from hrtem_shift.training.recipe import Recipe

EPOCHS = 3
FIELDS = RECIPE.model_dump() | {"epochs": EPOCHS}
STUDY = HyperparameterStudy(
    data_sets=["discs"],
    seed=0,
    folds=3,
    seeds=1,
    validation_fraction=0.25,
    preparation={"patch_px": 32},
    recipe=Recipe(**FIELDS),
    search={"trials": 2, "space": {"learning_rate": ["log", 1e-3, 1e-1]}},
)
ROW = {"run_id": "trial", "train_set": "discs", "fold": 0, "seed": 0} | {
    "noise_mode": "fixed",
    "rho": 0.0,
}


def tried(limits, patches=None):
    seen, patch_sets = [], {"discs": patches or disc_patch_set()}
    with one_thread():
        record, weights = train_trial((ROW, FIELDS, limits), seen.append, patch_sets, STUDY, "cpu")
    return record, weights, seen


def test_a_trial_that_no_other_beats_is_a_training():
    record, weights, seen = tried([math.inf] * EPOCHS)
    assert record["curve"] == seen and len(seen) == EPOCHS
    losses = [epoch["validation_loss"] for epoch in seen]
    assert losses[record["best_epoch"]] == min(losses)
    assert weights and not record["pruned"]
    assert record["parameters"] == FIELDS and record["run_id"] == "trial"


def test_a_trial_is_given_up_at_the_epoch_at_which_others_were_better():
    record, weights, seen = tried([math.inf, 0.0, math.inf])
    assert record["pruned"] and not weights
    assert record["curve"] == seen and len(seen) == 2


def test_a_trial_whose_loss_is_no_number_has_a_record_that_is_never_the_best():
    good = disc_patch_set()
    broken = dataclasses.replace(good, images=np.full_like(good.images, np.nan))
    record, weights, seen = tried([math.inf] * EPOCHS, broken)
    assert record["pruned"] and not weights and not seen
    assert record["curve"] == [NOTHING_LEARNED] and record["best_epoch"] == 0
