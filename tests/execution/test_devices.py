"""Devices and the precision of their arithmetic."""

import platform
import subprocess
import sys

import pytest
import torch

from hrtem_shift.errors import InputError
from hrtem_shift.execution.devices import resolve_device, resolve_precision


def test_an_unknown_device_is_refused():
    with pytest.raises(InputError, match="cpu2"):
        resolve_device("cpu2")


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_precision_that_is_asked_for_is_used(precision):
    assert resolve_precision(precision, "cpu") == getattr(torch, precision)


FAULTS = """
import resource
import sys
import torch
from hrtem_shift.networks.architectures import new_network
from hrtem_shift.execution.devices import disable_malloc_trim

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

if sys.argv[1] == "keep":
    disable_malloc_trim()
torch.set_num_threads(1)
network, images = new_network(0), torch.zeros(4, 1, 256, 256)
network(images).mean().backward()
before = faults()
for _ in range(3):
    network(images).mean().backward()
print(faults() - before)
"""


def faults(choice):
    command = [sys.executable, "-c", FAULTS, choice]
    return int(subprocess.run(command, capture_output=True, check=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="a setting of glibc")
def test_kept_memory_is_not_asked_for_again():
    """Page faults of a training's steps."""
    assert faults("keep") < 0.6 * faults("give back")
