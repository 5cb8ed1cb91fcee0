"""Changes to atoms: strain, substitution, vacancies, thermal displacements.

Thermal displacements are given as the root mean square along **one** axis, u_x = sqrt(<u_x²>).
Elsewhere one finds B = 8 pi² <u_x²> (`rms_from_b`) and the length in three dimensions,
sqrt(<u²>) = sqrt(3) u_x.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hrtem_shift.errors import InputError
from hrtem_shift.structures.atoms import Atoms
from hrtem_shift.structures.elements import atomic_number, symbol

if TYPE_CHECKING:
    from scipy.spatial.transform import Rotation

Element = str | int


def strained(
    atoms: Atoms,
    strain: ArrayLike,
    *,
    rotation: Rotation | None = None,
    centre_nm: ArrayLike = (0, 0, 0),
) -> Atoms:
    """Deform homogeneously: every vector r between atoms becomes r + e r.

    Parameters
    ----------
    atoms : Atoms
        What to deform.
    strain : array, shape (3, 3)
        Displacement gradient e, dimensionless: e[i, j] is how far points move along axis i
        for each unit along axis j. Its symmetric part is the strain, the rest a rotation.
    rotation : scipy.spatial.transform.Rotation, optional
        Orientation of the crystal in whose axes `strain` is given; by default these are the
        axes of the scene.
    centre_nm : array, shape (3,)
        Point that stays in place.

    Returns
    -------
    Atoms

    Raises
    ------
    InputError
        The strain is no finite 3 x 3 matrix, or inverts the crystal.
    """
    gradient = np.asarray(strain, dtype=np.float64)
    if (
        gradient.shape != (3, 3)
        or not np.isfinite(gradient).all()
        or np.linalg.det(np.eye(3) + gradient) <= 0
    ):
        raise _refused(
            f"strain {gradient.tolist()}", "A strain is 3 x 3 and leaves a volume above zero"
        )
    if rotation is not None:
        gradient = rotation.as_matrix() @ gradient @ rotation.as_matrix().T
    return atoms.moved((atoms.positions_nm - np.asarray(centre_nm)) @ gradient.T)


def displaced(atoms: Atoms, field: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> Atoms:
    """Move every atom by a displacement field.

    Parameters
    ----------
    atoms : Atoms
        What to deform.
    field : callable
        Takes positions (N, 3) in nm, returns displacements (N, 3) in nm.

    Returns
    -------
    Atoms

    Raises
    ------
    InputError
        The field returns another shape, or values that are not finite.
    """
    by_nm = np.asarray(field(atoms.positions_nm.copy()), dtype=np.float64)
    if by_nm.shape != atoms.positions_nm.shape or not np.isfinite(by_nm).all():
        raise _refused(
            f"a displacement field that returns {by_nm.shape} for {atoms.positions_nm.shape}",
            "It must return a finite displacement for every atom",
        )
    return atoms.moved(by_nm)


def substituted(
    atoms: Atoms,
    new: Element,
    *,
    rng: np.random.Generator,
    fraction: float | None = None,
    probability: float | None = None,
    element: Element | None = None,
    region: int | None = None,
) -> Atoms:
    """Change the element of random atoms.

    Parameters
    ----------
    atoms : Atoms
        What to change.
    new : str or int
        Element that comes in.
    rng : numpy.random.Generator
        Source of every random number.
    fraction, probability : float
        Give one. `fraction` of the eligible atoms is changed, rounded to whole atoms;
        `probability` decides for each atom alone, so that the number varies.
    element, region : optional
        Only atoms of this element, only those of this region, are eligible.

    Returns
    -------
    Atoms

    Raises
    ------
    InputError
        Unknown element, a value outside 0 ... 1, or not one of the two.
    """
    chosen = _drawn(_eligible(atoms, element, region), rng, fraction, probability)
    elements = atoms.atomic_numbers.copy()
    elements[chosen] = atomic_number(new)
    return Atoms(atoms.positions_nm, elements, atoms.region)


def with_vacancies(
    atoms: Atoms,
    *,
    rng: np.random.Generator,
    fraction: float | None = None,
    probability: float | None = None,
    element: Element | None = None,
    region: int | None = None,
) -> Atoms:
    """Take out random atoms; the arguments are those of `substituted`."""
    chosen = _drawn(_eligible(atoms, element, region), rng, fraction, probability)
    stays = np.ones(len(atoms), dtype=bool)
    stays[chosen] = False
    return atoms.select(stays)


def vibrated(
    atoms: Atoms, rms_nm: Mapping[Element, ArrayLike], *, rng: np.random.Generator
) -> Atoms:
    """Displace every atom at random, independently of the others (Einstein model).

    Parameters
    ----------
    atoms : Atoms
        Atoms at their mean places.
    rms_nm : mapping from element to float or array
        Root mean square displacement along one axis, nm. For an anisotropic atom the
        covariance <u_i u_j> as an array (3, 3) in nm², in the axes of the scene.
    rng : numpy.random.Generator
        Source of every random number; each atom takes three, in the order of the atoms.

    Returns
    -------
    Atoms

    Raises
    ------
    InputError
        An element has no value, or one is negative or not a covariance.
    """
    roots = {atomic_number(element): _root(value) for element, value in rms_nm.items()}
    missing = sorted(set(np.unique(atoms.atomic_numbers).tolist()) - set(roots))
    if missing:
        raise _refused(
            f"no thermal displacement for {', '.join(symbol(number) for number in missing)}",
            "Every element that occurs needs one",
        )
    by_nm = rng.standard_normal((len(atoms), 3))
    for number, root in roots.items():
        of_element = atoms.atomic_numbers == number
        by_nm[of_element] = by_nm[of_element] @ root.T
    return atoms.moved(by_nm)


def rms_from_b(b_A2: float) -> float:
    """Root mean square displacement along one axis, nm, from B = 8 pi² <u_x²> in Å²."""
    if not b_A2 >= 0:
        raise _refused(f"B = {b_A2:g} Å²", "It is a mean square, never negative")
    return float(np.sqrt(b_A2 / (8 * np.pi**2)) / 10)


def _eligible(atoms: Atoms, element: Element | None, region: int | None) -> NDArray[np.int64]:
    mask = np.ones(len(atoms), dtype=bool)
    if element is not None:
        mask &= atoms.atomic_numbers == atomic_number(element)
    if region is not None:
        mask &= atoms.region == region
    return np.flatnonzero(mask)


def _drawn(
    eligible: NDArray[np.int64],
    rng: np.random.Generator,
    fraction: float | None,
    probability: float | None,
) -> NDArray[np.int64]:
    """Indices of atoms drawn at random."""
    shares: Sequence[float] = [share for share in (fraction, probability) if share is not None]
    if len(shares) != 1 or not 0 <= shares[0] <= 1:
        raise _refused(
            f"fraction {fraction}, probability {probability}",
            "Exactly one of the two must be given, from 0 to 1",
        )
    if fraction is not None:
        return rng.choice(eligible, size=round(fraction * len(eligible)), replace=False)
    return eligible[rng.random(len(eligible)) < shares[0]]


def _root(value: ArrayLike) -> NDArray[np.float64]:
    """Matrix (3, 3), nm, that turns three normal deviates into a displacement."""
    array = np.asarray(value, dtype=np.float64)
    if array.ndim == 0 and 0 <= array < np.inf:
        return float(array) * np.eye(3)
    if array.shape == (3, 3) and np.isfinite(array).all() and np.allclose(array, array.T):
        squares, axes = np.linalg.eigh(array)
        if squares.min() >= -1e-12 * max(squares.max(), 0):
            return axes * np.sqrt(np.maximum(squares, 0))
    raise _refused(
        f"thermal displacement {array.tolist()}",
        "It is a root mean square not below 0, or a symmetric 3 x 3 covariance",
    )


def _refused(what: str, why: str) -> InputError:
    return InputError(what, where="modifications", why=why, fix="Correct it")
