"""The network is the published one, parameter for parameter."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from hrtem_shift.errors import InputError
from hrtem_shift.networks.architectures import new_network
from hrtem_shift.networks.prediction import predict_masks
from hrtem_shift.networks.residual_unet import (
    ResidualUNet,
    SkipConcatConv2d,
    conv_of_upsampled,
)
from hrtem_shift.networks.weights import (
    network_from,
    read_weights,
    weights_bytes,
    weights_fingerprint,
    weights_of,
)

# Parameters of each block as counted in the published weight files.
PUBLISHED = {
    "downs.0": 212,
    "downs.1": 952,
    "downs.2": 3_696,
    "downs.3": 14_560,
    "bottleneck": 57_792,
    "ups.0": 40_160,
    "ups.1": 10_096,
    "ups.2": 2_552,
    "ups.3": 652,
    "final_conv": 10,
}


def test_each_block_has_the_published_number_of_parameters():
    network = ResidualUNet()
    for name, count in PUBLISHED.items():
        assert sum(p.numel() for p in network.get_submodule(name).parameters()) == count
    assert sum(p.numel() for p in network.parameters()) == 130_682


def test_state_has_the_146_published_arrays():
    state = ResidualUNet().state_dict()
    floats = sum(v.numel() for k, v in state.items() if not k.endswith("num_batches_tracked"))
    assert (len(state), floats) == (146, 131_418)
    assert state["downs.0.conv_add.weight"].shape == (4, 1, 1, 1)
    assert state["ups.0.conv1.weight"].shape == (32, 96, 3, 3)


def test_logits_keep_the_size_of_the_image():
    assert ResidualUNet()(torch.zeros(2, 1, 48, 80)).shape == (2, 2, 48, 80)


def test_receptive_field_is_local():
    """A pixel further away than 112 px changes nothing (the halo of exact tiling)."""
    network = new_network(3).eval()
    image = torch.zeros(1, 1, 32, 320)
    changed = image.clone()
    changed[..., 300:] = 5.0
    with torch.inference_mode():
        difference = (network(image) - network(changed)).abs()
    assert difference[..., : 300 - 112].max() == 0
    assert difference[..., 290:].max() > 0


def test_initial_weights_come_from_the_seed_alone():
    torch.manual_seed(0)
    first = weights_fingerprint(weights_of(new_network(7)))
    torch.manual_seed(1)
    assert weights_fingerprint(weights_of(new_network(7))) == first
    assert weights_fingerprint(weights_of(new_network(8))) != first


def test_initial_convolutions_are_kaiming_normal():
    weight = new_network(0).bottleneck.conv2.weight  # 64 x 64 x 3 x 3
    assert weight.std().item() == pytest.approx((2 / (64 * 9)) ** 0.5, rel=0.02)


def test_weight_files_come_back_bit_for_bit(tmp_path):
    weights = weights_of(new_network(1))
    (tmp_path / "network.safetensors").write_bytes(weights_bytes(weights))
    back = read_weights(tmp_path / "network.safetensors")
    assert weights_fingerprint(back) == weights_fingerprint(weights)
    assert weights_bytes(back) == weights_bytes(weights)


def test_a_damaged_weight_file_is_named(tmp_path):
    path = tmp_path / "network.safetensors"
    path.write_bytes(weights_bytes(weights_of(new_network(1)))[:1000])
    with pytest.raises(InputError, match=r"network\.safetensors"):
        read_weights(path)


@pytest.mark.parametrize("fault", ["missing", "shape", "nan"])
def test_weights_that_do_not_fit_are_refused(fault):
    weights = weights_of(new_network(1))
    if fault == "missing":
        del weights["final_conv.bias"]
    elif fault == "shape":
        weights["final_conv.bias"] = np.zeros(3, np.float32)
    else:
        weights["final_conv.bias"] = np.array([0, np.nan], np.float32)
    with pytest.raises(InputError, match="network weights"):
        network_from(weights)


def test_predictions_do_not_depend_on_the_batch():
    network = network_from(weights_of(new_network(1)))
    images = np.random.default_rng(0).normal(size=(5, 32, 32)).astype(np.float32)
    whole = predict_masks(network, images)
    single = np.concatenate([predict_masks(network, image[None]) for image in images])
    assert 0 < whole.mean() < 1
    assert (whole == single).all()


@pytest.mark.parametrize(("size", "groups"), [(3, 1), (3, 2), (1, 1), (1, 2)])
def test_a_convolution_of_upsampled_features_needs_no_upsampling(size, groups):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, 4, 6, 10, dtype=torch.float64, generator=generator)
    weight = torch.randn(6, 4 // groups, size, size, dtype=torch.float64, generator=generator)
    inputs = x.requires_grad_(), weight.requires_grad_()
    plain = F.conv2d(F.interpolate(x, scale_factor=2.0), weight, padding=size // 2, groups=groups)
    result = conv_of_upsampled(*inputs, groups)
    assert torch.allclose(result, plain, rtol=0, atol=1e-12)
    slope = torch.randn(plain.shape, dtype=torch.float64, generator=generator)
    expected = torch.autograd.grad(plain, inputs, slope)
    for mine, its in zip(torch.autograd.grad(result, inputs, slope), expected, strict=True):
        assert torch.allclose(mine, its, rtol=0, atol=1e-11)


def test_features_are_joined_as_if_concatenated():
    joining = SkipConcatConv2d(3, 5, 4, size=3)
    beside, below = torch.randn(2, 3, 8, 12), torch.randn(2, 5, 4, 6)
    joined = torch.cat([beside, F.interpolate(below, scale_factor=2.0)], dim=1)
    expected = F.conv2d(joined, joining.weight, joining.bias, padding=1)
    assert torch.allclose(joining(beside, below), expected, atol=1e-5)
