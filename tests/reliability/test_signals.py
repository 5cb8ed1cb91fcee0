"""Signals tell a good prediction from a bad one, without a label."""

import numpy as np
import pytest
from network_packages import LEVELS, PREPARATION, dark_network, disc_image

from hrtem_shift.networks.inference import Predictor, predict
from hrtem_shift.preparation.steps import prepare
from hrtem_shift.reliability.signals import SIGNALS, signals_of

ENSEMBLE = [Predictor(dark_network(level)) for level in LEVELS]


def signals(image, ensemble=ENSEMBLE):
    pixels = prepare(image, PREPARATION).pixels
    values = signals_of(pixels, predict(ensemble, pixels), ensemble)
    return dict(zip(SIGNALS, values, strict=True))


GOOD = signals(disc_image((40, 40, 14), (90, 80, 15)))


def test_a_clear_image_has_sure_stable_networks_that_agree():
    assert set(GOOD) == set(SIGNALS)
    for name in ("soft_dice", "agreement", "stable_turned", "stable_halved", "otsu_dark"):
        assert GOOD[name] > 0.9, name
    assert GOOD["contrast"] < -1
    assert 0.6 < GOOD["roundness"] < 1.1
    assert 10 ** GOOD["log_particles"] - 1 == pytest.approx(2)
    assert 10 ** GOOD["log_diameter_px"] == pytest.approx(14.5 * np.sqrt(np.pi), rel=0.05)


def test_noise_makes_networks_unsure_and_masks_unstable():
    noisy = signals(disc_image((40, 40, 14), (90, 80, 15), noise=0.5))
    assert noisy["soft_dice_warm"] < GOOD["soft_dice_warm"] - 0.05
    assert noisy["midpoint_all"] < GOOD["midpoint_all"] - 0.05
    assert noisy["agreement"] < GOOD["agreement"] - 0.02
    assert noisy["roundness"] < GOOD["roundness"]


def test_a_bright_particle_has_another_sign():
    image = disc_image((40, 40, 14), (90, 80, 15))
    reverse = signals(image.max() - image)
    assert reverse["contrast"] > GOOD["contrast"]
    assert reverse["reversed_soft_dice"] == pytest.approx(GOOD["soft_dice"], abs=0.02)
    assert GOOD["reversed_overlap"] < 0.1


def test_a_single_network_has_no_agreement():
    alone = signals(disc_image((40, 40, 14)), ENSEMBLE[:1])
    assert np.isnan(alone.pop("agreement"))
    assert np.isfinite(list(alone.values())).all()


def test_an_image_without_a_particle_is_answered_too():
    values = signals(disc_image(noise=0.001) + 1000)
    assert np.isfinite(list(values.values())).all()


def test_a_side_shorter_than_a_tile_is_mirrored():
    assert np.isfinite(list(signals(disc_image((40, 40, 14))[:70, :90]).values())).all()


def test_the_same_image_gives_the_same_signals():
    again = signals(disc_image((40, 40, 14), (90, 80, 15)))
    assert again == GOOD
