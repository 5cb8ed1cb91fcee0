import numpy as np
import pytest
import torch
from torch.nn import functional as F

from hrtem_shift.networks.inference import Predictor, predict
from hrtem_shift.networks.particle_unet import (
    HALO_px,
    LOCAL_px,
    ParticleUNet,
    STRIDE_px,
    local_contrast,
    with_folded_norms,
    with_particles_from,
)


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return ParticleUNet().eval()


def test_two_logits_a_pixel_on_any_multiple_of_the_stride(network):
    with torch.inference_mode():
        assert network(torch.randn(2, 1, 128, 192)).shape == (2, 2, 128, 192)


def test_a_halo_is_as_far_as_it_sees(network):
    """The gradient of one pixel's logit reaches no farther, and reaches 300 px particles."""
    size = 2 * HALO_px + STRIDE_px
    image = torch.randn(1, 1, STRIDE_px, size, requires_grad=True)
    network(image)[0, :, 0, size // 2].sum().backward()
    slope = image.grad.abs().amax((0, 1, 2))
    reached = torch.nonzero(slope > 1e-9 * slope.max())[:, 0]  # sums cancel to rounding
    farthest = max(size // 2 - int(reached.min()), int(reached.max()) - size // 2)
    assert 150 < farthest <= HALO_px


@pytest.mark.parametrize("shape", [(2, 1, 64, 128), (1, 1, 16, 40)])
def test_local_contrast_is_less_the_mean_and_over_the_deviation_of_a_square(shape):
    torch.manual_seed(1)
    images = torch.randn(shape) * 3 + 1

    def mean(values):
        return F.avg_pool2d(values, LOCAL_px, 1, LOCAL_px // 2, count_include_pad=False)

    difference = images - mean(images)
    expected = (difference / torch.sqrt(mean(difference**2) + 0.02**2)).clamp(-5, 5)
    torch.testing.assert_close(local_contrast(images), expected, rtol=1e-4, atol=1e-4)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(local_contrast(images), expected, rtol=1e-4, atol=1e-4)


def test_parameters_fit_five_networks_in_24_mib_at_half_precision(network):
    parameters = sum(value.numel() for value in network.parameters())
    assert 5 * 2 * parameters < 24 * 2**20


def test_a_level_of_particles_becomes_one_half_and_cores_stay(network):
    image = torch.randn(1, 1, 64, 64)
    with torch.inference_mode():
        before, after = network(image)[0], with_particles_from(network, 0.4)(image)[0]
    assert torch.equal(torch.sigmoid(before[0]) > 0.4, after[0] > 0)
    assert torch.equal(before[1], after[1])
    torch.testing.assert_close(after[0] - before[0], torch.full((64, 64), 0.405465))


def test_folded_norms_change_nothing_but_rounding(network):
    shaken = ParticleUNet()
    shaken.train()
    with torch.no_grad():
        for _ in range(3):  # statistics other than 0 and 1
            shaken(torch.randn(2, 1, 128, 128) * 3 + 1)
    shaken.eval()
    image = torch.randn(1, 1, 128, 128)
    with torch.inference_mode():
        torch.testing.assert_close(
            with_folded_norms(shaken)(image), shaken(image), rtol=1e-3, atol=1e-3
        )


def test_strips_give_the_whole_image_and_its_cores(network):
    double = Predictor(network.double())
    double._precision = torch.float64
    pixels = np.random.default_rng(0).normal(size=(1280, 64))
    whole = double.maps(pixels)
    strips = double.maps(pixels, whole_px=(2 * HALO_px + 128) * 64)
    assert whole.shape == (2, 1280, 64)
    assert whole[0].std() > 1e-3 and whole[1].std() > 1e-3
    np.testing.assert_allclose(strips, whole, atol=1e-6)
    network.float()


def test_an_ensemble_predicts_cores_of_any_shape(network):
    torch.manual_seed(1)
    ensemble = [Predictor(network), Predictor(ParticleUNet().eval())]
    pixels = np.random.default_rng(0).normal(size=(70, 90)).astype(np.float32)
    prediction = predict(ensemble, pixels)
    padded = np.pad(pixels, [(0, 58), (0, 38)], mode="symmetric")
    expected = np.mean([each.maps(padded) for each in ensemble], axis=0)[:, :70, :90]
    np.testing.assert_allclose(prediction.probability, expected[0], atol=1e-6)
    np.testing.assert_allclose(prediction.core, expected[1], atol=1e-6)
