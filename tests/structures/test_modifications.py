import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, chi2, kstest

from hrtem_shift.errors import InputError
from hrtem_shift.structures.atoms import Atoms
from hrtem_shift.structures.crystals import CRYSTALS, fill, random_rotation
from hrtem_shift.structures.modifications import (
    displaced,
    rms_from_b,
    strained,
    substituted,
    vibrated,
    with_vacancies,
)
from hrtem_shift.structures.volumes import Sphere

BALL = fill(CRYSTALS["Au"], Sphere((0, 0, 0), 4.0))
MANY = Atoms(
    np.zeros((40_000, 3)), np.repeat([79, 47], 20_000), np.tile(np.repeat([1, 2], 10_000), 2)
)


def rng(seed=0):
    return np.random.default_rng(seed)


def fitted_deformation(before, after):
    """Matrix F that best maps vectors before onto those after, by least squares."""
    return np.linalg.lstsq(before - before.mean(axis=0), after - after.mean(axis=0))[0].T


@settings(max_examples=25, deadline=None)
@given(
    strain=st.lists(st.floats(-0.1, 0.1), min_size=9, max_size=9),
    seed=st.integers(0, 2**32 - 1),
)
def test_the_lattice_changes_by_the_matrix(strain, seed):
    gradient = np.reshape(strain, (3, 3))
    turn = random_rotation(rng(seed))
    crystal = BALL.rotated(turn)
    lab = fitted_deformation(
        crystal.positions_nm, strained(crystal, gradient, centre_nm=(1, 2, 3)).positions_nm
    )
    np.testing.assert_allclose(lab, np.eye(3) + gradient, atol=1e-9)
    # Straining in the crystal's axes and turning commute.
    ours = strained(crystal, gradient, rotation=turn).positions_nm
    np.testing.assert_allclose(ours, strained(BALL, gradient).rotated(turn).positions_nm, atol=1e-9)


def test_a_shear_moves_along_the_first_index():
    """e[0, 1]: along x in proportion to y."""
    gradient = np.zeros((3, 3))
    gradient[0, 1] = 0.1
    moved = strained(Atoms.of(np.array([[0.0, 2.0, 0.0]]), 79), gradient)
    assert moved.positions_nm[0] == pytest.approx([0.2, 2.0, 0.0])


def test_the_centre_stays():
    moved = strained(BALL.moved([1, 2, 3]), 0.05 * np.eye(3), centre_nm=(1, 2, 3))
    assert moved.positions_nm - [1, 2, 3] == pytest.approx(1.05 * BALL.positions_nm)


def test_a_displacement_field_moves_every_atom():
    bent = displaced(BALL, lambda r_nm: np.column_stack([0 * r_nm[:, :2], 0.01 * r_nm[:, 0] ** 2]))
    assert bent.positions_nm[:, :2] == pytest.approx(BALL.positions_nm[:, :2])
    by_nm = bent.positions_nm[:, 2] - BALL.positions_nm[:, 2]
    assert by_nm == pytest.approx(0.01 * BALL.positions_nm[:, 0] ** 2)


def test_a_careless_field_cannot_harm_its_input():
    def careless(r_nm):
        r_nm[:] = 0
        return r_nm

    atoms = Atoms.of(np.ones((2, 3)), 79)
    assert (displaced(atoms, careless).positions_nm == 1).all()
    assert (atoms.positions_nm == 1).all()


@settings(max_examples=30, deadline=None)
@given(share=st.floats(0, 1), seed=st.integers(0, 2**32 - 1))
def test_a_fraction_is_exact_and_a_probability_binomial(share, seed):
    exact = substituted(MANY, "Cu", fraction=share, rng=rng(seed))
    assert (exact.atomic_numbers == 29).sum() == round(share * len(MANY))
    chance = (substituted(MANY, 29, probability=share, rng=rng(seed)).atomic_numbers == 29).sum()
    assert binom.ppf(1e-9, len(MANY), share) <= chance <= binom.isf(1e-9, len(MANY), share)
    holes = with_vacancies(MANY, fraction=share, rng=rng(seed))
    assert len(holes) == len(MANY) - round(share * len(MANY))


def test_only_the_eligible_change():
    alloy = substituted(MANY, "Cu", fraction=0.5, element="Au", region=2, rng=rng())
    changed = alloy.atomic_numbers == 29
    assert changed.sum() == 5_000
    assert (MANY.atomic_numbers[changed] == 79).all() and (MANY.region[changed] == 2).all()
    assert np.array_equal(alloy.atomic_numbers[~changed], MANY.atomic_numbers[~changed])
    holes = with_vacancies(MANY, fraction=0.5, element="Au", region=2, rng=rng())
    left = (holes.atomic_numbers == 79) & (holes.region == 2)
    assert left.sum() == 5_000 and len(holes) == 35_000


def test_every_site_has_the_same_chance():
    """Which atoms: uniform over the list, for fraction and probability alike."""
    for choice in ({"fraction": 0.2}, {"probability": 0.2}):
        changed = np.flatnonzero(substituted(MANY, 29, rng=rng(3), **choice).atomic_numbers == 29)
        assert kstest(changed / len(MANY), "uniform").pvalue > 1e-4


def test_thermal_displacements_have_the_rms_of_one_axis():
    """Sum of squares over sigma² is chi-square with one degree of freedom an atom."""
    hot = vibrated(MANY, {"Au": 0.008, 47: 0.012}, rng=rng(1))
    by_nm = hot.positions_nm - MANY.positions_nm
    for number, rms_nm in ((79, 0.008), (47, 0.012)):
        squares = (by_nm[MANY.atomic_numbers == number] ** 2).sum(axis=0) / rms_nm**2
        low, high = chi2.ppf([1e-6, 1 - 1e-6], 20_000)
        assert ((low < squares) & (squares < high)).all()
        for axis in by_nm[MANY.atomic_numbers == number].T:
            assert kstest(axis / rms_nm, "norm").pvalue > 1e-4
    length = np.sqrt((by_nm[:20_000] ** 2).sum(axis=1).mean())
    assert length == pytest.approx(3**0.5 * 0.008, rel=0.02)  # in three dimensions


def test_an_anisotropic_atom_has_its_covariance():
    covariance = np.array([[4.0, 1.0, 0.0], [1.0, 2.0, -0.5], [0.0, -0.5, 1.0]]) * 1e-4
    hot = vibrated(MANY.select(MANY.atomic_numbers == 79), {"Au": covariance}, rng=rng(2))
    np.testing.assert_allclose(np.cov(hot.positions_nm.T), covariance, atol=1.5e-5)


def test_b_is_eight_pi_squared_times_the_mean_square():
    """B of 0.63 Å² (gold near room temperature) is u_x = 0.0893 Å."""
    assert rms_from_b(0.63) == pytest.approx(0.00893, abs=5e-6)
    assert 8 * np.pi**2 * (10 * rms_from_b(1.7)) ** 2 == pytest.approx(1.7)


@pytest.mark.parametrize(
    "change",
    [
        lambda seed: substituted(MANY, "Cu", fraction=0.3, rng=rng(seed)).atomic_numbers,
        lambda seed: with_vacancies(BALL, probability=0.3, rng=rng(seed)).positions_nm,
        lambda seed: vibrated(BALL, {"Au": 0.01}, rng=rng(seed)).positions_nm,
    ],
)
def test_a_seed_gives_the_same_bytes(change):
    assert change(1).tobytes() == change(1).tobytes() != change(2).tobytes()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: strained(BALL, np.eye(2)), "3 x 3"),
        (lambda: strained(BALL, np.diag([-2.0, 0, 0])), "volume above zero"),
        (lambda: displaced(BALL, lambda r_nm: r_nm[:5]), "finite displacement for every"),
        (lambda: substituted(BALL, "Ag", rng=rng()), "Exactly one"),
        (lambda: substituted(BALL, "Ag", fraction=0.1, probability=0.1, rng=rng()), "Exactly one"),
        (lambda: with_vacancies(BALL, fraction=1.1, rng=rng()), "from 0 to 1"),
        (lambda: substituted(BALL, "Xx", fraction=0.1, rng=rng()), "no element"),
        (lambda: vibrated(BALL, {"Ag": 0.01}, rng=rng()), "no thermal displacement for Au"),
        (lambda: vibrated(BALL, {"Au": -0.01}, rng=rng()), "not below 0"),
        (lambda: vibrated(BALL, {"Au": -np.eye(3)}, rng=rng()), "covariance"),
        (lambda: rms_from_b(-1.0), "never negative"),
    ],
)
def test_impossible_requests_are_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()
