"""What is done for a GPU, as far as a CPU can tell."""

import os

import pytest
import torch
from disc_patches import RECIPE, pack, weights_of_all

from hrtem_shift.execution.devices import set_determinism, supports_cuda_graphs
from hrtem_shift.training import loop
from hrtem_shift.training.loop import train_networks

pytestmark = pytest.mark.usefixtures("single_thread")


def test_a_graph_that_is_recorded_changes_no_bit_of_a_training(monkeypatch):
    """Recording computes some batches in training mode, as the stand-in for torch's does here."""
    patches, specs = pack()
    recipe = RECIPE.model_copy(update={"epochs": 2, "precision": "bfloat16"})
    plain = train_networks(patches, specs, recipe)
    shapes, statistics = [], []

    def record(networks, samples):
        assert networks.training
        for _ in range(3):
            networks(*samples).float().square().mean().backward()
        shapes.append(samples[0].shape)
        statistics.append(networks.state()["downs.0.bn1.num_batches_tracked"][0].item())
        networks.zero_grad()

    monkeypatch.setattr(torch.cuda, "make_graphed_callables", record)
    monkeypatch.setattr(loop, "supports_cuda_graphs", lambda device: True)
    assert weights_of_all(train_networks(patches, specs, recipe)) == weights_of_all(plain)
    assert shapes == [(recipe.batch_size, len(specs), 32, 32)]
    assert statistics == [3]


def test_graphs_are_for_gpus():
    assert supports_cuda_graphs(torch.device("cuda:1")) and not supports_cuda_graphs(
        torch.device("cpu")
    )


@pytest.fixture
def choices_of_torch(monkeypatch):
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    before = torch.backends.cudnn.benchmark, torch.are_deterministic_algorithms_enabled()
    yield
    torch.backends.cudnn.benchmark = before[0]
    torch.use_deterministic_algorithms(before[1])
    os.environ.pop("CUBLAS_WORKSPACE_CONFIG", None)


@pytest.mark.parametrize("deterministic", [True, False])
@pytest.mark.usefixtures("choices_of_torch")
def test_a_gpu_is_asked_for_the_same_bits_or_for_speed(deterministic):
    set_determinism("cuda:0", deterministic)
    assert torch.are_deterministic_algorithms_enabled() == deterministic
    assert torch.backends.cudnn.benchmark == (not deterministic)
    assert ("CUBLAS_WORKSPACE_CONFIG" in os.environ) == deterministic


@pytest.mark.usefixtures("choices_of_torch")
def test_a_cpu_is_asked_for_nothing():
    set_determinism("cpu", True)
    assert not torch.are_deterministic_algorithms_enabled()
