"""Compile numerical loops with numba, cached on disk.

This module imports numba; import it where numbers are computed, not where parameters are read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba


def compiled(function: Callable[..., Any]) -> Any:
    """Compile, and keep the result on disk where there is a folder for it.

    numba raises RuntimeError when neither the package nor the user's cache folder may be
    written to; then the function is compiled anew in every process (about a second).
    """
    try:
        return numba.njit(cache=True)(function)
    except RuntimeError:
        return numba.njit(function)
