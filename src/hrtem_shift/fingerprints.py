"""Fingerprints: hashes of settings and arrays, in 16 hexadecimal digits of SHA-256."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np


def fingerprint(value: Any) -> str:
    """Hash of nested dicts (sorted by key), lists, numbers (with all digits) and strings."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def fingerprint_arrays(*arrays: np.ndarray) -> str:
    """Hash of arrays: dtype, shape and every byte."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()[:16]
