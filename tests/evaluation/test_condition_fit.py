import numpy as np
import pytest

from hrtem_shift.errors import InputError
from hrtem_shift.evaluation.condition_fit import fit_conditions


def camera(choice):
    """Three statistics of two conditions, as of noise that a spot blurs."""
    spot, noise = choice["spot"], choice["noise"]
    return np.array([0.3 / np.sqrt(0.1 + noise), 1 / spot**2 + noise, 0.02 * spot * noise**0.5])


def simulate(choices):
    return [camera(choice) for choice in choices]


BOUNDS = {"spot": (0.2, 3.0), "noise": (0.01, 2.0)}


def test_conditions_that_made_the_statistics_are_found():
    truth = {"spot": 0.8, "noise": 0.3}
    fit = fit_conditions(simulate, camera(truth), {"spot": 1.4, "noise": 0.1}, BOUNDS)
    assert fit.values == pytest.approx(truth, rel=1e-2)
    assert fit.statistics == pytest.approx(camera(truth), rel=1e-2)
    assert len(fit.history) > 3
    last = fit.history.iloc[(fit.history["spot"] - fit.values["spot"]).abs().argmin()]
    assert last["s0"] == pytest.approx(fit.statistics[0])


def test_what_cannot_be_reached_ends_at_a_bound():
    fit = fit_conditions(
        simulate, camera({"spot": 5.0, "noise": 0.3}), {"spot": 1.0, "noise": 0.3}, BOUNDS
    )
    assert fit.values["spot"] == pytest.approx(3.0, rel=0.02)


def test_noise_of_the_images_does_not_stop_it():
    rng = np.random.default_rng(0)

    def noisy(choices):
        return [camera(choice) * (1 + 0.002 * rng.standard_normal(3)) for choice in choices]

    truth = {"spot": 0.8, "noise": 0.3}
    fit = fit_conditions(noisy, camera(truth), {"spot": 1.2, "noise": 0.2}, BOUNDS)
    assert fit.values == pytest.approx(truth, rel=0.05)


def test_more_free_conditions_than_statistics_are_refused():
    with pytest.raises(InputError, match=r"2 free conditions.*1 statistics do not determine"):
        fit_conditions(simulate, np.array([1.0]), {"spot": 1.0, "noise": 0.3}, BOUNDS)
