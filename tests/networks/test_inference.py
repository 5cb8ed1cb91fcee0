"""A strip with its halo is the whole image, and an ensemble is its networks."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from network_packages import dark_network

from hrtem_shift.networks import inference
from hrtem_shift.networks.architectures import new_network
from hrtem_shift.networks.inference import (
    HALO_PX,
    Predictor,
    predict,
    strips_of,
)
from hrtem_shift.networks.prediction import predict_masks


def lively(seed=3):
    """Random network of which every layer matters, batch norms too."""
    network = new_network(seed)
    generator = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1, generator=generator)
            module.running_var.uniform_(0.5, 2, generator=generator)
    return network.eval()


def image(height, width, seed=0):
    return np.random.default_rng(seed).normal(size=(height, width)).astype(np.float32)


def test_strips_give_the_whole_image():
    network, pixels = lively(), image(640, 48)
    whole = Predictor(network).probability(pixels)
    strips = Predictor(network).probability(pixels, whole_px=288 * 48)  # strips of 64 rows
    assert whole.std() > 0.05
    np.testing.assert_allclose(strips, whole, rtol=0, atol=2e-5)  # rounding of logits near 10
    # In double precision nothing but the last rounding is left.
    exact = [
        Predictor(network.double()).probability(pixels.astype(np.float64), whole_px=whole_px)
        for whole_px in (640 * 48, 288 * 48)
    ]
    np.testing.assert_allclose(exact[0], exact[1], rtol=0, atol=1e-7)


def test_a_narrower_halo_would_leave_seams(monkeypatch):
    network, pixels = lively(), image(640, 48)
    monkeypatch.setattr(inference, "HALO_PX", 64)
    strips = Predictor(network).probability(pixels, whole_px=192 * 48)
    assert np.abs(strips - Predictor(network).probability(pixels)).max() > 1e-4


def test_the_halo_is_as_wide_as_the_network_sees():
    network = lively()
    pixels = torch.from_numpy(image(512, 16))[None, None].requires_grad_()
    network(pixels)[0, 1, 256:272].square().sum().backward()
    rows = torch.nonzero(pixels.grad.abs().sum((0, 1, 3))).ravel()
    seen = max(256 - int(rows.min()), int(rows.max()) - 271)
    assert 92 <= seen <= 92 + 15 <= HALO_PX


def test_a_network_that_looks_at_the_whole_image_is_given_the_whole_image():
    network, pixels = dark_network(norm="instance"), image(640, 48)
    np.testing.assert_array_equal(
        Predictor(network).probability(pixels, whole_px=1), Predictor(network).probability(pixels)
    )


def test_cores_that_predict_a_strip_each_give_the_whole_image(monkeypatch):
    network, pixels, threads = lively(), image(640, 48), torch.get_num_threads()
    whole = Predictor(network).probability(pixels)
    monkeypatch.setattr(inference, "SIDE_BY_SIDE_PX", 1)
    torch.set_num_threads(3)
    try:
        together = Predictor(network).probability(pixels)
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(threads)
    np.testing.assert_allclose(together, whole, rtol=0, atol=2e-5)


@given(
    height=st.integers(1, 300),
    width=st.integers(1, 64),
    whole_px=st.integers(1, 40_000),
    fewest=st.integers(1, 9),
)
def test_strips_cover_every_row_once_and_keep_blocks_in_place(height, width, whole_px, fewest):
    strips = list(strips_of(16 * height, 16 * width, whole_px, fewest))
    assert fewest == 1 or len(strips) >= min(fewest, height) // 2
    rows = [row for start, stop in strips for row in range(start, stop)]
    assert rows == list(range(16 * height))
    assert all(start % 16 == 0 for start, _ in strips)
    for start, stop in strips:
        small = (stop - start + 2 * HALO_PX) * 16 * width <= whole_px
        assert small or stop - start == 16 or 256 * height * width <= whole_px


@pytest.mark.parametrize("shape", [(48, 64), (50, 61), (5, 3), (16, 129)])
def test_any_shape_is_predicted(shape):
    prediction = predict([Predictor(dark_network(0.5))], image(*shape))
    assert prediction.probability.shape == shape
    assert prediction.spread is None and np.isnan(prediction.agreement)
    np.testing.assert_array_equal(prediction.probability > 0.5, image(*shape) < -0.5)


def test_masks_are_those_of_the_studies():
    network, pixels = lively(), image(64, 96)
    mask = predict([Predictor(network)], pixels).probability > 0.5
    assert 0.05 < mask.mean() < 0.95
    np.testing.assert_array_equal(mask, predict_masks(network, pixels[None])[0])


def test_an_ensemble_is_the_mean_and_the_scatter_of_its_networks():
    networks, pixels = [Predictor(lively(seed)) for seed in (1, 2, 3)], image(64, 64)
    each = np.stack([network.probability(pixels) for network in networks])
    prediction = predict(networks, pixels)
    np.testing.assert_allclose(prediction.probability, each.mean(0), atol=1e-6)
    np.testing.assert_allclose(prediction.spread, each.std(0, ddof=1), atol=1e-6)
    masks, together = each > 0.5, each.mean(0) > 0.5
    dice = [2 * (m & together).sum() / (m.sum() + together.sum()) for m in masks]
    assert prediction.agreement == pytest.approx(np.mean(dice))


def test_networks_that_all_find_nothing_agree():
    prediction = predict([Predictor(dark_network(level)) for level in (8, 9)], image(16, 16))
    assert prediction.agreement == 1 and not (prediction.probability > 0.5).any()


def test_patches_are_predicted_each_by_itself():
    network, patches = lively(), np.stack([image(32, 32, seed) for seed in range(5)])
    alone = np.stack([Predictor(network).probability(patch) for patch in patches])
    np.testing.assert_allclose(
        Predictor(network).of_patches(patches, batch_size=2), alone, atol=2e-5
    )
