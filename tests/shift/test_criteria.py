"""The verdict on made-up matrices whose answer is known."""

import numpy as np
import pandas as pd
import pytest

from hrtem_shift.errors import InputError
from hrtem_shift.microscope.conditions import Lens
from hrtem_shift.shift.baselines import (
    DEFOCUS_DISTANCE,
    baselines,
    image_distance,
)
from hrtem_shift.shift.criteria import apply_criteria, compare_measures, structure_control
from hrtem_shift.shift.measure import TransferMeasure
from hrtem_shift.shift.overlap import transfer_overlap
from hrtem_shift.shift.score_matrix import score_matrix
from hrtem_shift.shift.transfer import transfer_power

MEASURE = TransferMeasure()
_rng = np.random.default_rng(0)
LENSES = [
    Lens(defocus_nm=sign * d, cs_mm=sign * cs, focal_spread_std_nm=spread)
    for d, cs, spread in zip(
        _rng.uniform(2, 25, 10), _rng.uniform(0, 0.01, 10), _rng.uniform(0, 3, 10), strict=True
    )
    for sign in (1, -1)  # metamers: equal transfer, contrast reversed
]
N = len(LENSES)
OVERLAP = transfer_overlap(LENSES, LENSES, MEASURE)
POWER = transfer_power(LENSES, MEASURE)
SIMILARITIES = baselines(LENSES, POWER)
EVERY = np.arange(N)
STRUCTURES = np.ones((4, 4))  # one condition: its transfer is the same for all structures
LATTICES = 0.9 - 0.5 * (1 - np.eye(4)) * np.random.default_rng(1).uniform(0.5, 1, (4, 4))


def dice(noise=0.01, seed=0, of=OVERLAP):
    """Dice that falls with shift, with a level for each network and each test."""
    rng = np.random.default_rng(seed)
    levels = 0.05 * rng.normal(size=(N, 1)) + 0.01 * rng.normal(size=N)
    return 0.1 + 0.8 * of + levels + noise * rng.normal(size=(N, N))


def answers(scores, control=True):
    judged = structure_control(STRUCTURES, LATTICES, seed=0) if control else None
    defocus = SIMILARITIES[DEFOCUS_DISTANCE]
    return apply_criteria(OVERLAP, defocus, scores, EVERY, EVERY, judged, seed=0)


def test_a_known_relation_is_recovered_and_claimed():
    result = answers(dice())
    assert result.criteria["verdict"].tolist() == ["holds"] * 4
    assert result.claim
    assert result.sentences[0].startswith("The overlap of transfers predicts")
    assert "over 380 cells of 20 training conditions" in result.sentences[0]
    assert result.criteria["statistic"][0] > 0.9


def test_noise_is_reported_as_a_negative():
    result = answers(np.random.default_rng(2).uniform(size=(N, N)))
    assert not result.claim
    assert result.criteria["verdict"].tolist() == ["fails", "fails", "fails", "holds"]
    assert result.sentences[0].startswith("It is not shown")
    assert "Short of: overlap orders scores" in result.sentences[0]


def test_scores_that_follow_defocus_alone_are_no_success_of_the_transfer():
    following = SIMILARITIES[DEFOCUS_DISTANCE] / 60 + 0.9
    result = answers(dice(of=following))
    assert (
        result.criteria.set_index("criterion").loc[
            "better than the difference of defocus", "verdict"
        ]
        == "fails"
    )
    assert not result.claim


def test_cells_of_the_training_condition_are_not_used():
    scores = dice()
    changed = scores - np.eye(N)
    pd.testing.assert_frame_equal(answers(scores).criteria, answers(changed).criteria)


def test_without_the_structure_control_nothing_is_claimed():
    result = answers(dice(), control=False)
    assert not result.claim
    assert result.criteria["verdict"].tolist() == ["holds"] * 3 + ["not tested"]
    assert "was not run" in result.sentences[3]


def test_the_structure_control_is_flagged_as_not_explained_by_the_transfer():
    result = structure_control(STRUCTURES, LATTICES, seed=0)
    assert result.correlation == (0, 0, 0)
    assert 0.25 < result.loss.low < result.loss.value < result.loss.high < 0.5
    assert result.unexplained_loss and not result.spurious
    assert "does not explain" in answers(dice()).sentences[3]


def test_a_control_without_a_loss_says_little():
    flat = 0.9 + 0.01 * np.random.default_rng(0).normal(size=(5, 5))
    result = structure_control(np.ones((5, 5)), flat, seed=0)
    assert not result.unexplained_loss and not result.spurious
    judged = apply_criteria(OVERLAP, OVERLAP, dice(), EVERY, EVERY, result, seed=0)
    assert "control is weak" in judged.sentences[3]


def test_an_overlap_that_orders_structures_is_a_spurious_success():
    rng = np.random.default_rng(0)
    positions = rng.uniform(size=12)
    overlap = 1 - np.abs(np.subtract.outer(positions, positions))
    result = structure_control(overlap, 0.1 + 0.8 * overlap, seed=0)
    assert result.spurious and not result.unexplained_loss
    judged = apply_criteria(
        OVERLAP, SIMILARITIES[DEFOCUS_DISTANCE], dice(), EVERY, EVERY, result, seed=0
    )
    assert judged.criteria["verdict"][3] == "fails"
    assert not judged.claim


def test_measures_are_compared_on_the_same_cells_with_their_baselines():
    scores = dice()
    table = compare_measures({"overlap": OVERLAP, **SIMILARITIES}, scores, seed=0)
    table = table.set_index("measure")
    assert table.loc["overlap", "within_rows"] == table["within_rows"].max()
    assert table.loc["overlap", "gain_low"] > 0
    assert table.loc[DEFOCUS_DISTANCE, ["gain", "gain_low", "gain_high"]].tolist() == [0, 0, 0]
    assert table.loc["overlap", "r2_columns_held_out"] > 0.5
    assert (table["n_cells"] == N * N).all()
    assert table.loc["overlap", "low"] <= table.loc["overlap", "within_rows"]


def test_baselines_by_hand():
    lenses = [Lens(defocus_nm=d) for d in (10, -10, 4)]
    result = baselines(lenses, np.array([0.1, 0.2, 0.3]), image_distance([[0], [1], [3]]))
    assert result[DEFOCUS_DISTANCE][0].tolist() == [0, -20, -6]
    assert result["abs(abs C1 - abs C1')"][0].tolist() == [0, 0, -6]
    assert result["transfer power of the test"][2].tolist() == [0.1, 0.2, 0.3]
    spread = np.std([0, 1, 3], ddof=1)
    assert result["image statistics"][0] == pytest.approx([0, -1 / spread, -3 / spread])
    with pytest.raises(InputError, match="3 conditions"):
        baselines(lenses, np.zeros(3), [[0.0]])


def test_a_matrix_of_scores_from_a_table():
    rows = [
        (train, test, 0, seed, 0.1 * seed + (train == test))
        for train in ("a", "b")
        for test in ("a", "b", "c")
        for seed in (1, 2, 4)
    ]
    table = pd.DataFrame(rows, columns=["train_set", "test_set", "fold", "seed", "hard_dice"])
    table.loc[0, "hard_dice"] = np.nan
    result = score_matrix(table, test_sets=["b", "a", "d"])
    assert (result.train_sets, result.test_sets) == (("a", "b"), ("b", "a", "d"))
    assert result.median[:, :2] == pytest.approx(np.array([[0.2, 1.3], [1.2, 0.2]]))
    assert np.isnan(result.median[:, 2]).all()
    assert result.n.tolist() == [[3, 2, 0], [3, 3, 0]]
    assert result.seen.tolist() == [[False, True, False], [True, False, False]]
    with pytest.raises(InputError, match="repeated row"):
        score_matrix(pd.concat([table, table.iloc[:1]]))
