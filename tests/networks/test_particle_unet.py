import pytest
import torch

from hrtem_shift.networks.particle_unet import HALO_px, ParticleUNet, STRIDE_px


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
    reached = torch.nonzero(image.grad.abs().amax((0, 1, 2)))[:, 0]
    farthest = max(size // 2 - int(reached.min()), int(reached.max()) - size // 2)
    assert 150 < farthest <= HALO_px


def test_parameters_fit_five_networks_in_24_mib_at_half_precision(network):
    parameters = sum(value.numel() for value in network.parameters())
    assert 5 * 2 * parameters < 24 * 2**20
