"""Labels permuted, in the scores and before training: what networks were to show is not shown."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import torch
from disc_patches import RECIPE, disc_patch_set, one_thread, parts
from planted_studies import data_sets, studies

from hrtem_shift.evaluation.dice import count_pixels, summarise_counts
from hrtem_shift.networks.prediction import predict_masks
from hrtem_shift.networks.weights import network_from
from hrtem_shift.scorecard.contrast_transfer_paper import SPECIMENS
from hrtem_shift.scorecard.findings import Findings
from hrtem_shift.scorecard.papers import CLAIMS
from hrtem_shift.scorecard.verdicts import judge_claims
from hrtem_shift.training.device_patches import to_device
from hrtem_shift.training.loop import NetworkSpec, train_networks
from hrtem_shift.training.recipe import TrainingNoise

DOSES = {"dose_884": 884.0, "dose_80": 80.0}
NAMED_FOR_LEVELS = ("own_", "metals_are_alike", "weak_contrast_is_decent", "simulation_suffices")
DECIDED_BY_STUDIES = tuple(f"{study}_" for study in SPECIMENS)
"""Claims read from a table of their study: tests/shift/test_transfer_claims.py plants scores."""
DIFFERENCES = [
    claim.name
    for claim in CLAIMS
    if (claim.holds.low >= 0 or claim.holds.high <= 0)
    and not claim.name.startswith((*NAMED_FOR_LEVELS, *DECIDED_BY_STUDIES))
]


def shuffled(tables, rng):
    """The same scores, each under the labels of another network and test of its fold."""
    scores = tables.scores.copy()
    values = [name for name in ("hard_dice", "area_bias_percent") if name in scores]
    for rows in scores.groupby("fold").indices.values():
        scores.loc[rows, values] = scores.loc[rng.permutation(rows), values].to_numpy()
    return dataclasses.replace(tables, scores=scores)


def test_scores_under_permuted_labels_show_no_difference():
    rng = np.random.default_rng(5)
    broken = {name: shuffled(tables, rng) for name, tables in studies().items()}
    verdicts = judge_claims(CLAIMS, broken, seed=0).set_index("name")["verdict"]
    assert len(DIFFERENCES) > 25
    assert (verdicts[DIFFERENCES] == "holds").mean() < 0.1  # 2.5 % by chance; planted: all


FOLDS = 3
TOY = RECIPE.model_copy(update={"epochs": 20, "learning_rate": 0.02, "batch_size": 4})


def small_discs(name, contrast):
    """Twenty patches with a small disc anywhere: the label of another patch tells nothing."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:32, :32]
    masks = np.stack([(y - a) ** 2 + (x - b) ** 2 < 49 for a, b in rng.uniform(5, 27, (20, 2))])
    images = rng.normal(size=masks.shape) - contrast * masks
    patches = disc_patch_set(name, n=20)
    return dataclasses.replace(
        patches,
        images=images.astype(np.float16),
        masks=masks.astype(np.uint8),
        background=np.zeros(20, np.float32),
        index=patches.index.assign(fold=patches.index.index // 2 % FOLDS),
    )


def trained_study(train_sets, permute_masks):
    """Networks of discs of strong or weak contrast, tested on true labels of both."""
    patch_sets = {"dose_884": small_discs("strong", 4.0), "dose_80": small_discs("weak", 3.0)}
    tables = []
    for train_set in train_sets:
        patches = patch_sets[train_set]
        order = np.random.default_rng(1).permutation(20) if permute_masks else np.arange(20)
        seen = dataclasses.replace(patches, masks=patches.masks[order])
        splits = [parts(patches, fold) for fold in range(FOLDS)]
        members = [
            NetworkSpec(one.train, one.validation, TrainingNoise(), seed=fold)
            for fold, one in enumerate(splits)
        ]
        for fold, one in enumerate(train_networks(to_device(seen, "cpu"), members, TOY)):
            for test_set, tested in patch_sets.items():
                same_set = test_set == train_set
                which = splits[fold].test if same_set else np.arange(20)
                masks = predict_masks(
                    network_from(one.weights), tested.images[which], precision=torch.float32
                )
                row = summarise_counts(count_pixels(masks, tested.masks[which] == 1))
                row |= {"train_set": train_set, "test_set": test_set, "fold": fold, "seed": 0}
                tables.append({**row, "patches": "fold" if same_set else "whole"})
    return Findings(pd.DataFrame(tables), data_sets("dose_e_per_A2", DOSES))


OWN = {
    "dose_study": "own_dose",
    "magnification_study": "own_magnification",
    "size_study": "own_size",
    "imaging_study": "own_condition",
}
"""Study -> its claim that networks have learned; the toy networks stand for those of each."""


@pytest.fixture(scope="module")
def verdicts():
    """Verdict of every claim, of networks trained on true and on permuted masks."""
    with one_thread():
        trained = {
            "true": trained_study(["dose_884"], permute_masks=False),
            "permuted": trained_study(["dose_884"], permute_masks=True),
        }
    return {
        labels: judge_claims(CLAIMS, dict.fromkeys(OWN, study), seed=0).set_index("name")["verdict"]
        for labels, study in trained.items()
    }


def test_networks_of_true_labels_segment_their_own_set(verdicts):
    assert (verdicts["true"][list(OWN.values())] == "holds").all()


def test_networks_of_permuted_labels_fail_and_bear_nothing_out(verdicts):
    assert (verdicts["permuted"][list(OWN.values())] == "fails").all()
    assert not (verdicts["permuted"] == "holds").any()
