import numpy as np
import pytest

from hrtem_shift.structures.scenes import Scene


@pytest.fixture
def atoms():
    """Build a scene from rows (x, y, z) in nm."""

    def build(positions_nm, element, size_nm=(2.0, 2.0, 1.0)):
        positions_nm = np.atleast_2d(np.asarray(positions_nm, dtype=float))
        return Scene(
            size_nm,
            positions_nm,
            np.broadcast_to(element, len(positions_nm)).copy(),
            np.ones(len(positions_nm), dtype=int),
            (),
        )

    return build
