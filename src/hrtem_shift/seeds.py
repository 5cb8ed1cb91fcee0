"""Random seeds that are derived from an address: (root seed, stage, data set, fold, index).

A random number depends on its address alone: not on the order of work, the number of workers
or the numbers drawn before. The project has no global random state.
"""

from __future__ import annotations

import hashlib

import numpy as np


def seed_at(root: int, *address: str | int) -> int:
    """128-bit seed of an address, stable across machines and versions.

    Parameters
    ----------
    root : int
        Root seed, a parameter.
    *address : str or int
        What the numbers are for, such as ``("scene", "au_5nm_80e", 17)``.
    """
    text = repr((int(root), *[part if isinstance(part, str) else int(part) for part in address]))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=16).digest(), "little")


def generator_at(root: int, *address: str | int) -> np.random.Generator:
    """Independent random generator of an address (see `seed_at`)."""
    return np.random.Generator(np.random.PCG64(seed_at(root, *address)))
