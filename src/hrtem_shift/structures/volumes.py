"""Volumes: which part of space an object fills.

=================== ===========================================================
Sphere, Ellipsoid   round, in round_volumes.py
Cylinder            round rod, endless if it has no length
HalfSpace, Slab     below a plane, between two
Box                 edges along x, y, z until it is turned, in flat_volumes.py
Where               wherever a function of yours says so
ConvexPolyhedron    in polyhedra.py: from planes, points or crystal facets
=================== ===========================================================

They combine with ``|``, ``&`` and ``-``, and can be `moved` and `rotated`. Coordinates are
(x, y, z) in nm, the beam runs along z.
"""

from hrtem_shift.structures.flat_volumes import Box, HalfSpace, Slab, Where
from hrtem_shift.structures.round_volumes import Cylinder, Ellipsoid, Sphere
from hrtem_shift.structures.volume_algebra import (
    SAMPLING_STEP_NM,
    TOLERANCE_NM,
    ConvexVolume,
    Difference,
    Intersection,
    Placed,
    Union,
    Volume,
)

__all__ = [
    "SAMPLING_STEP_NM",
    "TOLERANCE_NM",
    "Box",
    "ConvexVolume",
    "Cylinder",
    "Difference",
    "Ellipsoid",
    "HalfSpace",
    "Intersection",
    "Placed",
    "Slab",
    "Sphere",
    "Union",
    "Volume",
    "Where",
]
