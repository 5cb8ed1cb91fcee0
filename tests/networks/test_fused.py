"""K networks fused are K networks: same losses, no crosstalk, and plain weights come out."""

import pytest
import torch
from torch.nn import functional as F

from hrtem_shift.networks.architectures import new_network
from hrtem_shift.networks.fused import FusedNetworks, member_weights
from hrtem_shift.networks.weights import network_from, weights_fingerprint, weights_of

RATES = (1e-4, 5e-5, 2e-4)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def data(members, size=64, seed=0):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(4, members, size, size, generator=generator)
    return x, (x > 0.5).long()


def train(forward, groups, x, y, steps=3):
    """Losses (steps, K) of networks (B, K, H, W) -> (B, K, 2, H, W) that are trained as one."""
    optimizer = torch.optim.Adam(groups, lr=RATES[0], fused=True)
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        each = F.cross_entropy(forward(x).flatten(0, 1), y.flatten(0, 1), reduction="none")
        loss = each.unflatten(0, y.shape[:2]).mean((0, 2, 3))
        loss.sum().backward()
        optimizer.step()
        losses.append(loss.detach())
    return torch.stack(losses)


def train_fused(networks, x, y, **more):
    rows = zip(networks.rows, RATES, strict=False)
    return train(networks, [{"params": [row], "lr": rate} for row, rate in rows], x, y, **more)


def train_plain(network, x, y, rate=RATES[0], **more):
    def forward(x):
        return network(x.contiguous(memory_format=torch.channels_last))[:, None]

    return train(forward, [{"params": list(network.parameters()), "lr": rate}], x, y, **more)


@pytest.mark.parametrize("norm", ["batch", "instance", "group"])
def test_losses_are_those_of_each_network_alone(norm):
    plain = [new_network(seed, norm=norm) for seed in range(3)]
    x, y = data(3)
    losses = train_fused(FusedNetworks(plain), x, y, steps=6)
    for member, network in enumerate(plain):
        channel = slice(member, member + 1)
        alone = train_plain(network, x[:, channel], y[:, channel], RATES[member], steps=6)
        assert torch.allclose(losses[:, channel], alone, atol=1e-5, rtol=0)


def test_one_network_is_the_plain_one_bit_for_bit():
    plain = new_network(5)
    fused = FusedNetworks([plain])
    x, y = data(1)
    assert torch.equal(train_fused(fused, x, y), train_plain(plain, x, y))
    weights = member_weights(fused.state(), 0)
    assert weights_fingerprint(weights) == weights_fingerprint(weights_of(plain))


def test_what_one_network_sees_changes_nothing_in_another():
    x, y = data(3)
    states = []
    for offset in (0.0, 5.0):
        fused = FusedNetworks([new_network(seed) for seed in range(3)])
        train_fused(fused, torch.cat([x[:, :1], x[:, 1:] + offset], dim=1), y)
        states.append(fused.state())
    same = [weights_fingerprint(member_weights(state, 0)) for state in states]
    other = [weights_fingerprint(member_weights(state, 1)) for state in states]
    assert same[0] == same[1]
    assert other[0] != other[1]


def test_exported_weights_compute_what_the_fused_network_does():
    fused = FusedNetworks([new_network(seed) for seed in range(3)])
    x, y = data(3)
    train_fused(fused, x, y)
    fused.eval()
    with torch.inference_mode():
        logits = fused(x)
        for member in range(3):
            plain = network_from(member_weights(fused.state(), member))
            assert torch.allclose(logits[:, member], plain(x[:, member, None]), atol=1e-4)


@pytest.mark.parametrize("members", [1, 3])
def test_a_state_comes_back(members):
    x, y = data(members)
    first, second = (
        FusedNetworks([new_network(s) for s in seeds])
        for seeds in (range(members), range(7, 7 + members))
    )
    train_fused(first, x, y)
    second.load(first.state())
    assert torch.equal(train_fused(first, x, y), train_fused(second, x, y))
    for name, value in first.state().items():
        assert torch.equal(value, second.state()[name])


def test_there_is_no_gradient_between_networks():
    fused = FusedNetworks([new_network(seed) for seed in range(2)])
    x, _ = data(2)
    fused(x)[:, 0].square().mean().backward()
    assert fused.rows[0].grad.abs().max() > 0
    assert fused.rows[1].grad.abs().max() == 0
