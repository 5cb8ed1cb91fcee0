"""Label rules: how a mask is made from a particle.

A rule sees the particle alone, never an image, so that a mask cannot depend on defocus,
dose or any other condition of imaging. The rule's name is recorded with each micrograph,
since two reasonable rules differ by more than networks do.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def outline_mask(thickness_nm: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Mask by the rule ``outline``: every pixel where the beam passes through a particle.

    Parameters
    ----------
    thickness_nm : array, shape (H, W)
        Length of the beam's path inside the ideal particles, nm.

    Returns
    -------
    array of bool, shape (H, W)
        True on the particle.
    """
    return thickness_nm > 0
