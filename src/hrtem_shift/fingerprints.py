"""Fingerprints: what decides a result, in 16 hexadecimal digits."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np


def fingerprint(value: Any) -> str:
    """Hash of a nested structure of dicts, lists, numbers and strings.

    Parameters
    ----------
    value : JSON-like
        Dictionaries are ordered by key; floats are written with all their digits.

    Returns
    -------
    str
        16 hexadecimal digits of SHA-256.
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def fingerprint_arrays(*arrays: np.ndarray) -> str:
    """Hash of arrays: dtype, shape and every byte."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()[:16]
