"""Architectures by name: valid names are built, others are refused before a run starts."""

from importlib.util import find_spec

import numpy as np
import pytest
import torch

from hrtem_shift.errors import InputError
from hrtem_shift.networks.architectures import build, can_fuse, check_architecture, new_network
from hrtem_shift.networks.residual_unet import ResidualUNet
from hrtem_shift.networks.weights import (
    network_from,
    read_weights,
    weights_bytes,
    weights_fingerprint,
    weights_of,
    with_architecture,
)

SMP = find_spec("segmentation_models_pytorch") is not None


@pytest.mark.parametrize(
    ("architecture", "norm"),
    [
        ("residual_unet", "batch"),
        ("residual_unet", "instance"),
        ("residual_unet", "group"),
        ("preactivation_unet", "batch"),
        pytest.param(
            "smp:Unet",
            "batch",
            marks=pytest.mark.skipif(not SMP, reason="segmentation-models-pytorch is missing"),
        ),
    ],
)
def test_every_architecture_trains_and_comes_from_its_seed(architecture, norm):
    check_architecture(architecture, norm)
    network, again = (new_network(3, architecture, norm) for _ in range(2))
    assert weights_fingerprint(weights_of(network)) == weights_fingerprint(weights_of(again))
    logits = network(torch.randn(2, 1, 32, 64))
    assert logits.shape == (2, 2, 32, 64)
    logits.mean().backward()
    assert all(bool(p.grad.isfinite().all()) for p in network.parameters())


def test_the_large_network_has_about_fourteen_million_parameters():
    """As the description of MyST article 10.69761/kjte5358 says of its network."""
    count = sum(p.numel() for p in build("preactivation_unet").parameters())
    assert count == pytest.approx(14e6, rel=0.02)


@pytest.mark.parametrize("norm", ["instance", "group"])
def test_another_norm_keeps_the_names_of_the_parameters(norm):
    names = dict(ResidualUNet(norm=norm).named_parameters()).keys()
    assert names == dict(ResidualUNet().named_parameters()).keys()


def test_instance_norm_forgets_contrast_and_offset_of_an_image():
    """Up to the first convolution's zero padding at the edges and its own offset."""
    network = new_network(0, norm="instance")
    x = torch.randn(1, 1, 64, 64)
    y = network.downs[0].bn1(network.downs[0].conv1(x))
    assert torch.allclose(y.mean((2, 3)), torch.zeros(1, 4), atol=1e-5)
    assert torch.allclose(y.var((2, 3), correction=0), torch.ones(1, 4), atol=1e-3)


@pytest.mark.parametrize(
    ("architecture", "norm", "message"),
    [
        ("residual_net", "batch", "residual_net"),
        ("preactivation_unet", "group", "residual_unet only"),
    ],
)
def test_what_is_not_known_is_refused(architecture, norm, message):
    with pytest.raises(ValueError, match=message):
        check_architecture(architecture, norm)


@pytest.mark.skipif(SMP, reason="segmentation-models-pytorch is installed")
def test_a_missing_library_is_named_with_its_remedy():
    with pytest.raises(InputError, match=r"\[smp\]"):
        build("smp:Unet")


@pytest.mark.parametrize(
    ("architecture", "norm"),
    [("residual_unet", "batch"), ("residual_unet", "group"), ("preactivation_unet", "batch")],
)
def test_weights_say_which_network_they_belong_to(tmp_path, architecture, norm):
    network = new_network(1, architecture, norm).eval()
    (tmp_path / "w").write_bytes(
        weights_bytes(with_architecture(weights_of(network), architecture, norm))
    )
    back = network_from(read_weights(tmp_path / "w"))
    image = torch.randn(1, 1, 32, 32)
    with torch.inference_mode():
        assert torch.equal(back(image), network(image))


def test_published_weights_stay_as_they_are():
    weights = weights_of(new_network(1))
    assert with_architecture(weights, "residual_unet", "batch") is weights


@pytest.mark.parametrize("name", [b"residual_net batch", b"residual_unet", b"\xff\xfe", b""])
def test_weights_of_an_unknown_network_are_refused(name):
    weights = weights_of(new_network(1)) | {"architecture": np.frombuffer(name, np.uint8)}
    with pytest.raises(InputError, match="network weights"):
        network_from(weights)


def test_only_the_residual_unet_is_fused():
    assert can_fuse("residual_unet")
    assert not can_fuse("preactivation_unet")
    assert not can_fuse("smp:Unet")
