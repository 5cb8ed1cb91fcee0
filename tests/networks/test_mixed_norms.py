"""Batch norms mixed with the statistics of images, against PyTorch's training mode."""

from copy import deepcopy

import pytest
import torch
from torch import nn

from hrtem_shift.errors import InputError
from hrtem_shift.networks.mixed_norms import has_batch_norms, with_mixed_norms
from hrtem_shift.networks.particle_unet import ParticleUNet
from hrtem_shift.networks.prediction import optimize_for_inference
from hrtem_shift.networks.residual_unet import ResidualUNet

SMALL = {ResidualUNet: (2, 4, 4, 8), ParticleUNet: (4, 4, 8)}


@pytest.fixture(params=SMALL, ids=lambda kind: kind.__name__)
def network(request):
    """A network whose running statistics are those of some images, not 0 and 1."""
    torch.manual_seed(0)
    network = request.param(SMALL[request.param]).train()
    with torch.no_grad():
        for _ in range(5):
            network(torch.randn(4, 1, 32, 32))
    return network.eval()


@pytest.fixture
def images():
    return 2 * torch.randn(3, 1, 64, 32, generator=torch.Generator().manual_seed(1)) + 0.5


def statistics(network):
    return {name: value for name, value in network.state_dict().items() if "running" in name}


def test_a_share_of_0_leaves_every_bit(network, images):
    mixed = with_mixed_norms(network, images, 0.0)
    for name, value in network.state_dict().items():
        assert torch.equal(mixed.state_dict()[name], value)


def test_a_share_of_1_is_the_training_mode(network, images):
    mixed = with_mixed_norms(network, images, 1.0)
    with torch.no_grad():
        expected = deepcopy(network).train()(images)
        torch.testing.assert_close(mixed(images), expected)


def test_the_first_layer_is_the_weighted_mean_of_both(network, images):
    both = (statistics(with_mixed_norms(network, images, share)) for share in (0.3, 1.0))
    before, (mixed, of_images) = statistics(network), both
    name = next(iter(before)).rpartition(".")[0]
    for kind in ("running_mean", "running_var"):
        key = f"{name}.{kind}"
        torch.testing.assert_close(mixed[key], 0.7 * before[key] + 0.3 * of_images[key])


def test_later_layers_are_measured_on_mixed_features(network, images):
    """Every layer sees the features that the mixed network computes in evaluation mode."""
    share, mixed = 0.3, with_mixed_norms(network, images, 0.3)
    seen = {}
    for name, module in mixed.named_modules():
        if isinstance(module, nn.BatchNorm2d):
            module.register_forward_pre_hook(
                lambda _, inputs, name=name: seen.update({name: inputs[0].clone()})
            )
    with torch.no_grad():
        mixed(images)
    trained = dict(network.named_modules())
    for name, features in seen.items():
        mean = (1 - share) * trained[name].running_mean + share * features.mean((0, 2, 3))
        torch.testing.assert_close(dict(mixed.named_modules())[name].running_mean, mean)


def test_the_network_is_not_changed_and_results_repeat(network, images):
    before = {name: value.clone() for name, value in network.state_dict().items()}
    first, second = (with_mixed_norms(network, images, 0.5) for _ in range(2))
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name])
        assert torch.equal(first.state_dict()[name], second.state_dict()[name])
    assert not first.training
    assert not any(module._forward_pre_hooks for module in first.modules())


def test_a_shifted_and_scaled_image_is_recovered(images):
    torch.manual_seed(2)
    norm = nn.BatchNorm2d(4, eps=0)
    network = nn.Sequential(nn.Conv2d(1, 4, 3), norm, nn.ReLU(), nn.Conv2d(4, 2, 1)).eval()
    altered = 0.2 * images - 3
    with torch.no_grad():
        expected = with_mixed_norms(network, images, 1.0)(images)
        torch.testing.assert_close(
            with_mixed_norms(network, altered, 1.0)(altered), expected, rtol=1e-4, atol=1e-4
        )
        assert (network(altered) - network(images)).abs().mean() > 0.1


def test_a_mixed_network_is_optimized_like_any_other(network, images):
    mixed = with_mixed_norms(network, images, 0.3)
    with torch.no_grad():
        logits = mixed(images)
        fast = optimize_for_inference(mixed, "cpu")(images)
    wanted = logits if isinstance(network, ParticleUNet) else logits[:, 1:] - logits[:, :1]
    torch.testing.assert_close(fast, wanted, rtol=1e-3, atol=1e-3)


def test_a_network_without_batch_norms_is_refused(images):
    network = ResidualUNet((4, 4, 8), norm="group").eval()
    assert not has_batch_norms(network)
    with pytest.raises(InputError, match=r"no batch norms.*norm: batch"):
        with_mixed_norms(network, images, 0.3)


@pytest.mark.parametrize("share", [-0.1, 1.5, float("nan")])
def test_a_share_is_between_0_and_1(network, images, share):
    with pytest.raises(InputError, match="0 to 1"):
        with_mixed_norms(network, images, share)
