"""Likeness: images of the trained kind are near, others are far, and Dice is read off the near."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hrtem_shift.segmentation.features import FEATURES
from hrtem_shift.segmentation.likeness import (
    FEWEST,
    NEIGHBOURS,
    USUAL,
    Likeness,
    usual_limits,
)

D = len(FEATURES)
MIXING = np.random.default_rng(11).normal(size=(D, D))


def drawn(n, seed=0, shift=0.0):
    """Correlated features of n micrographs."""
    return np.random.default_rng(seed).normal(shift, 1, (n, D)) @ MIXING


def evidence(known, other=None, dice=0.9, other_dice=0.5):
    sets = [(known, True, dice)] + ([(other, False, other_dice)] if other is not None else [])
    tables = [
        pd.DataFrame(rows, columns=list(FEATURES)).assign(
            held_out=own, hard_dice=score, group=[f"scene {k}" for k in range(len(rows))]
        )
        for rows, own, score in sets
    ]
    return pd.concat(tables, ignore_index=True)


def unusual(likeness, rows):
    """Share of rows that are farther than the trained set's usual micrographs."""
    (limit,) = usual_limits(likeness.own_distances)
    return np.mean([likeness.distance(row) > limit for row in rows])


@pytest.mark.parametrize("n", [20, 60, 300])
def test_few_images_of_the_trained_kind_are_called_unusual(n):
    shares = []
    for seed in range(4):
        likeness = Likeness.of(evidence(drawn(n, seed)))
        shares.append(unusual(likeness, drawn(200, 100 + seed)))
    assert np.mean(shares) <= 0.08


def test_images_of_one_scene_do_not_make_each_other_usual():
    scenes = np.repeat(drawn(20), 3, axis=0) + 1e-3 * drawn(60, 1)
    alike = evidence(scenes)
    apart = alike.assign(group=[f"scene {k // 3}" for k in range(60)])
    near, far = (Likeness.of(one).own_distances for one in (alike, apart))
    assert np.all(far > near)


@pytest.mark.parametrize("n_comparisons", [1, 2, 5])
def test_as_few_are_unusual_however_many_comparisons_there_are(n_comparisons):
    rng = np.random.default_rng(4)
    shared, fresh = rng.normal(size=(2, 4000))
    own = [shared + rng.normal(size=4000) for _ in range(n_comparisons)]
    limits = usual_limits(*own)
    beyond = [np.mean(values > limit) for values, limit in zip(own, limits, strict=True)]
    np.testing.assert_allclose(beyond, beyond[0], atol=1e-3)  # each is as strict as the others
    far = [fresh + rng.normal(size=4000) > limit for limit in limits]
    assert np.mean(np.any(far, axis=0)) == pytest.approx(1 - USUAL, abs=0.012)


def test_limits_of_few_are_their_farthest():
    near, far = np.arange(8.0), np.array([3.0, 1, 2, 0, 0, 0, 0, 0])
    assert usual_limits(near, far) == [7.0, 3.0]


@pytest.mark.parametrize("axis", range(0, D, 3))
def test_a_shift_along_any_axis_is_seen(axis):
    likeness = Likeness.of(evidence(drawn(100)))
    moved = drawn(50, 1) + 12 * MIXING[axis]
    assert unusual(likeness, moved) > 0.9


def test_the_oddest_feature_is_the_one_that_was_changed():
    likeness = Likeness.of(evidence(np.random.default_rng(0).normal(size=(50, D))))
    features = np.zeros(D)
    features[4] = 9.0
    name, value, low, high = likeness.oddest(features)
    assert (name, value) == (FEATURES[4], 9.0)
    assert -3.5 < low < -1 < 1 < high < 3.5


def test_dice_is_that_of_the_set_which_an_image_is_like():
    likeness = Likeness.of(evidence(drawn(60), drawn(60, 1, shift=3.0)))
    own = likeness.expected_dice(drawn(1, 5)[0], 2.0)
    assert (own.mean, own.low, own.high, own.n) == (pytest.approx(0.9), 0.9, 0.9, NEIGHBOURS)
    assert own.coverage == pytest.approx(0.9)
    far = likeness.expected_dice(drawn(1, 6, shift=3.0)[0], 2.0)
    assert far.mean == pytest.approx(0.5)
    assert likeness.expected_dice(drawn(1, 7, shift=30.0)[0], 2.0) is None


def test_nine_of_ten_images_have_a_dice_within_the_interval():
    rng = np.random.default_rng(3)
    known = drawn(200)
    likeness = Likeness.of(evidence(known).assign(hard_dice=rng.beta(9, 2, 200)))
    inside = []
    for features, dice in zip(drawn(300, 4), rng.beta(9, 2, 300), strict=True):
        found = likeness.expected_dice(features, 2.0)
        if found:
            inside.append(found.low <= dice <= found.high)
    assert len(inside) > 280
    assert np.mean(inside) == pytest.approx(0.9, abs=0.06)


def test_too_few_micrographs_have_no_scatter():
    assert Likeness.of(evidence(drawn(FEWEST - 1))) is None
    assert Likeness.of(evidence(drawn(FEWEST))) is not None


def test_fewer_measured_micrographs_promise_less():
    found = Likeness.of(evidence(drawn(10))).expected_dice(drawn(10)[3], 2.0)
    assert found.n == 10 and found.coverage == pytest.approx(9 / 11)


@settings(max_examples=20)
@given(st.integers(0, D - 1), st.floats(-5, 5))
def test_a_feature_that_never_varies_does_no_harm(column, value):
    known = drawn(40)
    known[:, column] = value
    likeness = Likeness.of(evidence(known))
    same = drawn(1, 9)[0]
    same[column] = value
    assert np.isfinite(likeness.distance(same))
    assert unusual(likeness, [same + 1e6 * (np.arange(D) == column)]) == 1


def test_units_of_features_do_not_matter():
    scale = 10.0 ** np.arange(D)
    known, image = drawn(50), drawn(1, 2)[0]
    plain, scaled = Likeness.of(evidence(known)), Likeness.of(evidence(known * scale))
    assert scaled.distance(image * scale) == pytest.approx(plain.distance(image))
