"""What another lens costs is read off a measured matrix, and unknown where nothing was measured."""

import numpy as np
import pytest

from hrtem_shift.errors import InputError
from hrtem_shift.microscope.conditions import Lens
from hrtem_shift.reliability.optics import TrainedOptics, loss_under, measured_relation
from hrtem_shift.shift.measure import TransferMeasure
from hrtem_shift.shift.overlap import transfer_overlap

MEASURE = TransferMeasure()
LENSES = [Lens(defocus_nm=d, focal_spread_std_nm=s) for d in (4, 7, 11, 16) for s in (0.5, 3.0)]
OVERLAP = transfer_overlap(LENSES, LENSES, MEASURE)
LOWEST = OVERLAP.min()


def dice(noise=0.01, seed=0):
    """0.9 at home, 0.4 at the lowest overlap."""
    rng = np.random.default_rng(seed)
    fallen = 0.9 - 0.5 * (1 - OVERLAP) / (1 - LOWEST)
    return fallen + noise * rng.normal(size=OVERLAP.shape)


def optics(scores=None, trained=(2,)):
    relation = measured_relation(OVERLAP, dice() if scores is None else scores, 40)
    lenses = tuple(LENSES[k] for k in trained)
    return TrainedOptics(lenses=lenses, measure=MEASURE, relation=relation)


def test_a_lens_of_training_loses_nothing():
    under = loss_under(optics(), LENSES[2])
    assert under.overlap == pytest.approx(1)
    assert under.loss == 0 and under.explains
    assert under.expected_dice == pytest.approx(0.9, abs=0.01)
    assert under.low < 0.9 < under.high


def test_a_lens_between_loses_what_was_measured():
    loss = 0.5 * (1 - OVERLAP[2, 6]) / (1 - LOWEST)
    under = loss_under(optics(), LENSES[6])
    assert under.loss == pytest.approx(loss, abs=0.03)
    assert under.low < 0.9 - loss < under.high


def test_the_nearest_of_several_lenses_of_training_counts():
    under = loss_under(optics(trained=(2, 6)), LENSES[6])
    assert (under.loss, under.nearest) == (pytest.approx(0), 1)


def test_what_no_network_was_ever_tested_on_loses_all():
    assert loss_under(optics(), Lens()).loss == np.inf  # transfers nothing


def test_a_matrix_of_noise_explains_nothing_away_from_training():
    noise = np.random.default_rng(1).uniform(size=OVERLAP.shape)
    under = loss_under(optics(noise), LENSES[3])
    assert not under.explains
    assert under.high - under.low > 0.7
    assert loss_under(optics(noise), LENSES[2]).explains


def test_intervals_hold_for_networks_and_conditions_that_were_not_measured():
    """90 % of the cells of other rows and columns lie within."""
    inside = []
    for seed in range(10):
        scores = dice(0.08, seed)
        relation = measured_relation(OVERLAP[:7, :7], scores[:7, :7], 7)
        low, high = relation.interval(OVERLAP[7, 7])
        inside.append(low <= scores[7, 7] <= high)
        for other in range(7):
            low, high = relation.interval(OVERLAP[7, other])
            inside.append(low <= scores[7, other] <= high)
    assert 0.8 < np.mean(inside) <= 1


def test_errors_are_those_of_cells_without_their_row_and_column():
    """A network and a test that differ from all others surprise by all of their difference."""
    scores = np.full(OVERLAP.shape, 0.5)
    scores[3], scores[:, 5], scores[3, 5] = 0.9, 0.2, 0.7
    errors = np.reshape(measured_relation(OVERLAP, scores, 8).cell_error, OVERLAP.shape)
    assert errors[3, 5] == pytest.approx(0.2)
    # Elsewhere the odd column (row) is among the rest, and can only add to the surprise.
    assert errors[3, 4] >= 0.4 - 1e-9
    assert errors[2, 5] <= -0.3 + 1e-9


def test_it_survives_json():
    there = optics()
    assert TrainedOptics.model_validate_json(there.model_dump_json()) == there


def test_too_few_cells_are_refused():
    with pytest.raises(InputError, match="9 cells"):
        measured_relation(OVERLAP[:3, :3], dice()[:3, :3], 3)
