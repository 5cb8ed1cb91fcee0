"""What a package says of its networks is measured on micrographs that they had not seen."""

import numpy as np
import pytest
from disc_patches import disc_patch_set
from network_packages import dark_network

from hrtem_shift.errors import InputError
from hrtem_shift.evaluation.dice import count_pixels, hard_dice
from hrtem_shift.segmentation.description import Description, Member, ReliabilityBin
from hrtem_shift.segmentation.evidence import gather_evidence
from hrtem_shift.segmentation.features import FEATURES, features_of
from hrtem_shift.segmentation.inference import Predictor


def member(fold, train_set="discs"):
    return Member(
        file=f"n{fold}.safetensors",
        run_id=f"n{fold}",
        train_set=train_set,
        fold=fold,
        seed=0,
        weights="0" * 16,
    )


LEVELS = {0: 0.3, 1: 0.6, 2: 0.9}
NETWORKS = [dark_network(level) for level in LEVELS.values()]
MEMBERS = [member(fold) for fold in LEVELS]
SETS = {"discs": disc_patch_set(contrast=4.0), "others": disc_patch_set("others", n=6, seed=1)}
DOSES = {("others", "m0"): 80.0}


@pytest.fixture(scope="module")
def gathered():
    return gather_evidence(NETWORKS, MEMBERS, SETS, DOSES)


def test_each_micrograph_is_judged_by_the_network_that_did_not_see_it(gathered):
    evidence, _ = gathered
    own = SETS["discs"]
    rows = evidence[evidence["held_out"]].set_index("micrograph")
    assert set(rows.index) == set(own.index["micrograph"])
    for name, row in rows.iterrows():
        places = np.flatnonzero(own.index["micrograph"] == name)
        fold = own.index["fold"][places[0]]
        patches = own.images[places].astype(np.float32)
        mask = Predictor(dark_network(LEVELS[fold])).of_patches(patches) > 0.5
        pooled = count_pixels(mask, own.masks[places] == 1).sum().to_frame().T
        assert row["hard_dice"] == pytest.approx(float(hard_dice(pooled)[0]))
        assert row["n_networks"] == 1
        assert row[list(FEATURES)].tolist() == pytest.approx(list(features_of(patches)))


def test_other_sets_are_judged_by_all_networks_together(gathered):
    evidence, _ = gathered
    rows = evidence[~evidence["held_out"]]
    assert set(rows["data_set"]) == {"others"} and set(rows["n_networks"]) == {3}
    assert rows.set_index("micrograph")["dose_e_per_A2"]["m0"] == 80
    assert rows["dose_e_per_A2"].isna().sum() == len(rows) - 1
    assert rows["agreement"].between(0.1, 1).all()


def test_a_single_network_is_tested_on_its_fold_alone():
    evidence, _ = gather_evidence(NETWORKS[:1], MEMBERS[:1], {"discs": SETS["discs"]}, {})
    index = SETS["discs"].index
    assert set(evidence["micrograph"]) == set(index["micrograph"][index["fold"] == 0])
    assert evidence["agreement"].isna().all()


def test_reliability_counts_pixels_of_what_was_not_seen(gathered):
    _, reliability = gathered
    assert sum(one.n_pixels for one in reliability) == SETS["discs"].images.size
    lowest, highest = reliability[0], reliability[-1]
    assert lowest.frequency < 0.2 < 0.8 < highest.frequency
    assert lowest.probability < 0.1 < 0.9 < highest.probability


def test_the_calibration_error_is_the_mean_distance_of_probability_and_frequency():
    bins = [
        ReliabilityBin(probability=0.1, frequency=0.2, n_pixels=30),
        ReliabilityBin(probability=0.9, frequency=0.6, n_pixels=10),
    ]
    description = Description.model_construct(reliability=bins)
    assert description.calibration_error == pytest.approx((30 * 0.1 + 10 * 0.3) / 40)


def test_networks_of_two_sets_are_no_ensemble():
    with pytest.raises(InputError, match="2 data sets"):
        gather_evidence(NETWORKS[:2], [member(0), member(1, "others")], SETS, {})


def test_evidence_needs_micrographs_that_were_held_out():
    with pytest.raises(InputError, match="no micrograph was held out"):
        gather_evidence(NETWORKS[:1], [member(7)], {"discs": SETS["discs"]}, {})
