"""The form in which networks predict is the network, at every pixel."""

import numpy as np
import pytest
import torch

from hrtem_shift.networks.architectures import new_network
from hrtem_shift.networks.prediction import logits_of, optimize_for_inference, predict_masks
from hrtem_shift.networks.space_to_depth_unet import SpaceToDepthUNet


def lively(architecture="residual_unet", **more):
    """Untrained network in evaluation mode, with statistics other than 0 and 1."""
    network = new_network(2, architecture, **more).train()
    with torch.no_grad():
        for _ in range(3):
            network(2 + torch.randn(4, 1, 32, 32))
    return network.eval()


def particle_logit(network, images):
    logits = network(images[:, None])
    return logits[:, 1] - logits[:, 0]


@pytest.mark.parametrize("shape", [(16, 16), (48, 80), (112, 32)])
def test_four_pixels_at_once_are_the_same_function(shape):
    """In double precision only rounding is left: no pixel, at no edge, sees anything else."""
    network = lively().double()
    images = torch.randn(2, *shape, dtype=torch.float64)
    with torch.inference_mode():
        expected = particle_logit(network, images)
        logits = optimize_for_inference(network, "cpu")(images[:, None])[:, 0]
    assert expected.std() > 0.1
    assert torch.allclose(logits, expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    "kind", [{}, {"norm": "instance"}, {"norm": "group"}, {"architecture": "preactivation_unet"}]
)
def test_any_network_predicts_what_it_computes(kind):
    network, images = lively(**kind), torch.randn(2, 32, 48)
    with torch.inference_mode():
        logits = logits_of(optimize_for_inference(network, "cpu"), images, torch.float32)[:, 0]
        expected = particle_logit(network, images)
    assert torch.allclose(logits, expected, rtol=1e-4, atol=1e-4)
    assert isinstance(optimize_for_inference(network, "cpu"), SpaceToDepthUNet) == (kind == {})


def test_the_network_itself_stays_as_it_is():
    network = lively()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    optimize_for_inference(network, "cpu")
    after = network.state_dict()
    assert list(before) == list(after)
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_what_predicts_already_is_not_made_again():
    network = lively()
    predicting = optimize_for_inference(network, "cpu")
    assert optimize_for_inference(predicting, "cpu") is predicting
    images = torch.randn(2, 32, 48).numpy()
    masks = predict_masks(network, images)
    assert 0 < masks.mean() < 1
    np.testing.assert_array_equal(predict_masks(predicting, images), masks)


def test_coarse_arithmetic_changes_few_pixels():
    network, images = lively(), torch.randn(2, 64, 64)
    predicting = optimize_for_inference(network, "cpu")
    with torch.inference_mode():
        exact, coarse = (
            logits_of(predicting, images, precision)[:, 0]
            for precision in (torch.float32, torch.bfloat16)
        )
    assert ((exact > 0) != (coarse > 0)).float().mean() < 0.01
    assert not torch.equal(exact, coarse)
