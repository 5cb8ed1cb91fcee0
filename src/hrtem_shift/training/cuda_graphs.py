"""CUDA graphs: hundreds of small operations that a GPU is told of at once.

A step of small networks at 128 px is some 200 operations, which take a GPU less time than it takes
to be told of them one by one. No GPU was at hand: what is tested is that recording leaves networks
as they were.
"""

from __future__ import annotations

import torch

from hrtem_shift.networks.fused import FusedNetworks


def capture_training_step(
    networks: FusedNetworks, batch_size: int, edge_px: int, precision: torch.dtype
) -> None:
    """Record forward and backward of a batch; from then on training replays them.

    Validation, which is in evaluation mode, goes on as before. Recording is training on zeros
    without steps of the optimizer: it moves batch norms' statistics, which are put back.

    Parameters
    ----------
    networks : FusedNetworks
        On a GPU; parameters and statistics stay where they are in memory from now on.
    """
    before = networks.state()
    device = networks.rows[0].device
    images = torch.zeros(batch_size, networks.members, edge_px, edge_px, device=device)
    enabled = precision != torch.float32
    # A weight that was cast before must not be taken for cast in a replay: hence no cache.
    with torch.autocast(device.type, torch.bfloat16, enabled, cache_enabled=False):
        torch.cuda.make_graphed_callables(networks.train(), (images,))
    networks.load(before)
