"""CUDA graphs: capture a training step to remove kernel-launch overhead.

A step of small networks at 128 px is some 200 operations, which take less time than their launch.
Not measured on a GPU yet; the tests check that capturing does not change the networks.
"""

from __future__ import annotations

import torch

from hrtem_shift.networks.fused import FusedNetworks


def capture_training_step(
    networks: FusedNetworks, batch_size: int, edge_px: int, precision: torch.dtype
) -> None:
    """Capture forward and backward of a batch, which training then replays.

    Evaluation mode is not captured. Capturing runs on zeros without optimizer steps; it changes
    the statistics of batch norms, which are restored.

    Parameters
    ----------
    networks : FusedNetworks
        On a GPU; their parameters and statistics must keep their memory from now on.
    """
    before = networks.state()
    device = networks.rows[0].device
    images = torch.zeros(batch_size, networks.members, edge_px, edge_px, device=device)
    enabled = precision != torch.float32
    # No cache: a replay must cast the weights again.
    with torch.autocast(device.type, torch.bfloat16, enabled, cache_enabled=False):
        torch.cuda.make_graphed_callables(networks.train(), (images,))
    networks.load(before)
