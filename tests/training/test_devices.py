"""Where networks are trained, and in which arithmetic."""

import platform
import subprocess
import sys

import pytest
import torch
from disc_patches import RECIPE

from hrtem_shift.errors import InputError
from hrtem_shift.training.devices import resolve_device, resolve_precision


def test_an_unknown_device_is_refused():
    with pytest.raises(InputError, match="cpu2"):
        resolve_device("cpu2")


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_precision_that_is_asked_for_is_used(precision):
    recipe = RECIPE.model_copy(update={"precision": precision})
    assert resolve_precision(recipe, "cpu") == getattr(torch, precision)


FAULTS = """
import resource
import torch
from hrtem_shift.training.devices import keep_freed_memory

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

keep_freed_memory()
torch.ones(2**24)
before = faults()
for _ in range(8):
    torch.ones(2**24)
print(faults() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="a setting of glibc")
def test_kept_memory_is_not_asked_for_again():
    """Each of eight equal blocks would take 16,384 faults of 4 KiB."""
    run = subprocess.run([sys.executable, "-c", FAULTS], capture_output=True, check=True)
    assert int(run.stdout) < 4 * 16_384
