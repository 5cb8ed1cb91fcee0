"""The domain check reads a measured matrix, and says so where it knows nothing."""

import math

import numpy as np
import pytest

from hrtem_shift.errors import InputError
from hrtem_shift.microscope.conditions import Lens
from hrtem_shift.shift.domain import (
    DomainLimits,
    TrainingDomain,
    check_domain,
    measured_relation,
)
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


def domain(scores=None, trained=(2,), **changes):
    given = {
        "lenses": tuple(LENSES[k] for k in trained),
        "pixel_size_nm": (0.02, 0.02),
        "dose_e_per_A2": (100.0, 400.0),
        "measure": MEASURE,
        "relation": measured_relation(OVERLAP, dice() if scores is None else scores, 40),
    }
    return TrainingDomain(**{**given, **changes})


def check(lens=LENSES[2], dose=200.0, pixel_size_nm=0.02, of=None, **limits):
    return check_domain(of or domain(), lens, dose, pixel_size_nm, DomainLimits(**limits))


def test_the_condition_of_training_is_in_range_with_its_measured_dice():
    found = check()
    assert found.domain == "in_range"
    assert found.reasons == ()
    assert found.overlap == pytest.approx(1)
    assert found.expected_dice == pytest.approx(0.9, abs=0.01)
    assert found.low < 0.9 < found.high
    assert (found.n_cells, found.n_networks, found.nearest) == (64, 40, 0)


def test_a_condition_between_falls_by_what_was_measured():
    overlap = OVERLAP[2, 6]
    expected = 0.9 - 0.5 * (1 - overlap) / (1 - LOWEST)
    found = check(LENSES[6])
    assert found.expected_dice == pytest.approx(expected, abs=0.03)
    assert found.low < expected < found.high


def test_limits_decide_what_a_loss_is_called():
    loss = 0.9 - check(LENSES[6]).expected_dice
    assert check(LENSES[6], acceptable_loss=loss + 0.05).domain == "in_range"
    borderline = check(LENSES[6], acceptable_loss=loss - 0.05, largest_loss=loss + 0.05)
    assert borderline.domain == "borderline"
    outside = check(LENSES[6], acceptable_loss=0.0, largest_loss=loss - 0.05)
    assert outside.domain == "outside"
    assert "its transfer costs" in outside.reasons[0]


def test_the_nearest_of_several_conditions_of_training_counts():
    found = check(LENSES[6], of=domain(trained=(2, 6)))
    assert (found.domain, found.nearest) == ("in_range", 1)


def test_what_no_network_was_ever_tested_on_is_outside():
    found = check(Lens())  # transfers nothing
    assert found.domain == "outside"
    assert "less than any measured" in found.reasons[0]


@pytest.mark.parametrize(
    ("changes", "expected", "says"),
    [
        ({"dose": 450.0}, "borderline", "dose of 450 e/Å²"),
        ({"dose": 20.0}, "outside", "100 to 400 e/Å² was"),
        ({"pixel_size_nm": 0.022}, "borderline", "pixel size of 0.022 nm"),
        ({"pixel_size_nm": 0.05}, "outside", "0.02 nm was"),
        ({"dose": None}, "borderline", "dose is not known"),
        ({"pixel_size_nm": None}, "borderline", "pixel size is not known"),
    ],
)
def test_dose_and_pixels_are_judged_by_their_range(changes, expected, says):
    found = check(**changes)
    assert found.domain == expected
    assert len(found.reasons) == 1 and says in found.reasons[0]


def test_an_unknown_lens_is_borderline_and_has_no_expected_dice():
    found = check(lens=None)
    assert found.domain == "borderline"
    assert math.isnan(found.expected_dice) and math.isnan(found.overlap)
    assert found.nearest is None


def test_a_matrix_of_noise_is_not_trusted_away_from_training():
    noise = np.random.default_rng(1).uniform(size=OVERLAP.shape)
    untrusted = domain(scores=noise)
    found = check(LENSES[3], of=untrusted, acceptable_loss=1.0, largest_loss=1.0)
    assert found.domain == "borderline"
    assert "explained nothing" in found.reasons[0]
    assert found.high - found.low > 0.7
    assert check(of=untrusted).domain == "in_range"


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


def test_a_domain_survives_json():
    there = domain()
    assert TrainingDomain.model_validate_json(there.model_dump_json()) == there


def test_too_few_cells_are_refused():
    with pytest.raises(InputError, match="9 cells"):
        measured_relation(OVERLAP[:3, :3], dice()[:3, :3], 3)
