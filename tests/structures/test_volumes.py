from math import inf, pi, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from hrtem_shift.errors import InputError
from hrtem_shift.structures.volumes import (
    SAMPLING_STEP_NM,
    Box,
    Cylinder,
    Ellipsoid,
    HalfSpace,
    Slab,
    Sphere,
    Where,
)

TURN = Rotation.from_euler("xyz", [20, 35, 50], degrees=True)
SPHERE = Sphere((0.3, -0.2, 1.0), 2.0)
ELLIPSOID = Ellipsoid((0.1, 0.2, 0.3), (1.0, 2.0, 3.0))
CYLINDER = Cylinder((0.0, 0.1, 0.2), (1.0, 2.0, 3.0), 1.0, 2.0)
BOX = Box((0.2, 0.1, 0.0), (1.0, 2.0, 1.5))
SLAB = Slab((0.0, 1.0, 2.0), -0.5, 0.4)
HALF = HalfSpace((1.0, -1.0, 0.5), 0.1)
BOUNDED = [SPHERE, ELLIPSOID, CYLINDER, BOX]
ALL = [*BOUNDED, SLAB, HALF, Cylinder((0.1, 0, 0), (0, 1, 1), 1.2)]


def points(seed=0, count=4000, reach_nm=2.0):
    return np.random.default_rng(seed).uniform(-reach_nm, reach_nm, (count, 3))


def projected_nm3(volume, half_nm=2.5, pixels=500):
    """Chords summed over a fine grid of the plane."""
    x_nm = (np.arange(pixels) + 0.5) * (2 * half_nm / pixels) - half_nm
    chords_nm = volume.chord_nm(x_nm[None, :], x_nm[:, None])
    assert chords_nm.shape == (pixels, pixels)
    return chords_nm.sum() * (2 * half_nm / pixels) ** 2


seeds = st.integers(0, 2**32 - 1)
volumes = st.sampled_from(ALL).flatmap(
    lambda volume: st.builds(
        lambda seed, by_nm: volume.rotated(Rotation.random(rng=np.random.default_rng(seed))).moved(
            by_nm
        ),
        seeds,
        st.tuples(*[st.floats(-1, 1)] * 3),
    )
)


@pytest.mark.parametrize(
    ("volume", "nm3"),
    [
        (SPHERE, pi / 6 * 8),
        (ELLIPSOID, pi / 6 * 6),
        (ELLIPSOID.rotated(TURN), pi / 6 * 6),
        (CYLINDER, pi / 4 * 2),
        (CYLINDER.rotated(TURN), pi / 4 * 2),
        (BOX, 3.0),
        (BOX.rotated(TURN), 3.0),
        (Cylinder((0, 0, 0), (0, 0, 2), 1.0, 2.0), pi / 4 * 2),
        (Cylinder((0, 0, 0), (1, 0, 0), 1.0, 2.0), pi / 4 * 2),
        # A ball cut at half its radius: cap of height r/2, 5/24 pi r^3.
        (Sphere((0, 0, 0), 2.0) - HalfSpace((1, 2, 2), 0.5), 5 / 24 * pi),
        # Two unit balls at distance 1: lens of 5/12 pi.
        (Sphere((0, 0, 0), 2.0) & Sphere((0.6, 0, 0.8), 2.0), 5 / 12 * pi),
        (Sphere((0, 0, 0), 2.0) | Sphere((0.6, 0, 0.8), 2.0), (8 / 3 - 5 / 12) * pi),
        # Steinmetz: two crossed cylinders share 2/3 d^3.
        (Cylinder((0, 0, 0), (1, 0, 0), 1.0) & Cylinder((0, 0, 0), (0, 1, 1), 1.0), 2 / 3),
        (SPHERE - SPHERE, 0.0),
        (SPHERE & Sphere((9, 9, 9), 1.0), 0.0),
    ],
)
def test_chords_sum_to_the_volume(volume, nm3):
    assert projected_nm3(volume) == pytest.approx(nm3, rel=3e-3, abs=1e-9)


def test_chords_of_spheres_and_slabs_have_their_formulas():
    sphere = Sphere((1.0, 2.0, 30.0), 5.0)
    assert sphere.chord_nm(1.0, 2.0) == pytest.approx(5.0)
    assert sphere.chord_nm([2.5], 2.0) == pytest.approx([4.0])  # 3-4-5
    assert sphere.chord_nm(4.0, 2.0) == 0
    assert Slab((0, 0, -3), 1.0, 3.0).chord_nm(7.0, 8.0) == pytest.approx(2.0)
    assert Slab((1, 0, 1), 0, 1).chord_nm(0.0, 0.0) == pytest.approx(sqrt(2))


def test_chords_without_end_are_infinite():
    assert HalfSpace((0, 0, 1), 0.0).chord_nm(0, 0) == inf
    assert HalfSpace((1, 0, 0), 0.0).chord_nm([-1, 1], 0).tolist() == [inf, 0]
    both = HalfSpace((0, 0, 1), 0.0) | HalfSpace((0, 0, -1), 0.0)
    assert both.chord_nm(0, 0) == inf
    assert (both - SLAB).chord_nm(0, 0) == inf
    assert (HalfSpace((0, 0, 1), 3.0) & HalfSpace((0, 0, -1), -1.0)).chord_nm(0, 0) == 2


@settings(max_examples=60, deadline=None)
@given(one=volumes, other=volumes, seed=seeds)
def test_operators_are_set_algebra(one, other, seed):
    at = points(seed)
    a, b = one.contains(at), other.contains(at)
    assert np.array_equal((one | other).contains(at), a | b)
    assert np.array_equal((one & other).contains(at), a & b)
    assert np.array_equal((one - other).contains(at), a & ~b)
    x_nm, y_nm = at[:200, 0], at[:200, 1]
    box = Box((0, 0, 0), (6, 6, 6))  # so that nothing is infinite
    one, other = one & box, other & box
    both = (one & other).chord_nm(x_nm, y_nm)
    sum_ = one.chord_nm(x_nm, y_nm) + other.chord_nm(x_nm, y_nm)
    np.testing.assert_allclose((one | other).chord_nm(x_nm, y_nm) + both, sum_, atol=1e-6)
    rest = one.chord_nm(x_nm, y_nm) - both
    np.testing.assert_allclose((one - other).chord_nm(x_nm, y_nm), rest, atol=1e-6)


@settings(max_examples=60, deadline=None)
@given(volume=st.sampled_from([*ALL, SPHERE | BOX, BOX - SPHERE, CYLINDER & BOX]), seed=seeds)
def test_motions_take_the_inside_along(volume, seed):
    rng = np.random.default_rng(seed)
    turn, by_nm, at = Rotation.random(rng=rng), rng.uniform(-50, 50, 3), points(seed)
    inside = volume.contains(at)
    assert np.array_equal(volume.rotated(turn).contains(turn.apply(at)), inside)
    assert np.array_equal(volume.moved(by_nm).contains(at + by_nm), inside)
    there = volume.moved(by_nm).rotated(turn).moved(-by_nm)
    assert np.array_equal(there.contains(turn.apply(at + by_nm) - by_nm), inside)


@settings(max_examples=60, deadline=None)
@given(volume=volumes, seed=seeds)
def test_nothing_is_outside_of_the_extent(volume, seed):
    at = points(seed, reach_nm=3.0)
    at = at[volume.contains(at)]
    low_nm, high_nm = volume.bounds_nm()
    assert (at >= low_nm - 1e-8).all() and (at <= high_nm + 1e-8).all()
    direction = np.random.default_rng(seed).standard_normal(3)
    low, high = volume.extent_nm(direction)
    assert (at @ direction >= low - 1e-8).all() and (at @ direction <= high + 1e-8).all()


@pytest.mark.parametrize("volume", BOUNDED)
def test_extents_of_convex_pieces_are_exact(volume):
    """Dense points come near to the stated bounds on every side."""
    at = points(1, count=400_000, reach_nm=2.2)
    at = TURN.apply(at[volume.contains(at)])
    low_nm, high_nm = volume.rotated(TURN).bounds_nm()
    np.testing.assert_allclose(at.min(axis=0), low_nm, atol=0.12)
    np.testing.assert_allclose(at.max(axis=0), high_nm, atol=0.12)


def test_planes_bound_along_their_normal_only():
    assert HALF.extent_nm((1, -1, 0.5)) == (-inf, pytest.approx(0.1 * 1.5))
    assert HALF.extent_nm((-2, 2, -1)) == (pytest.approx(-0.3), inf)
    assert HALF.extent_nm((1, 0, 0)) == (-inf, inf)
    assert HalfSpace.below((1, 2, 3), (0, 0, 2)).distance_nm == 3


def test_empty_intersections_say_so_by_their_extent():
    low, high = (SPHERE & Sphere((9, 9, 9), 1.0)).extent_nm((1, 0, 0))
    assert low > high
    apart = (SPHERE & Sphere((9, 9, 9), 1.0)) | BOX
    assert apart.extent_nm((1, 0, 0)) == BOX.extent_nm((1, 0, 0))


def test_a_volume_of_ones_own_is_sampled():
    def ball(at):
        return np.linalg.norm(at, axis=1) <= 1

    own, exact = Where(ball, (-1, -1, -1), (1, 1, 1)), Sphere((0, 0, 0), 2.0)
    x_nm = np.linspace(-1.1, 1.1, 23)
    difference = own.chord_nm(x_nm, 0.1) - exact.chord_nm(x_nm, 0.1)
    assert np.abs(difference).max() <= 2 * SAMPLING_STEP_NM
    turned = own.rotated(TURN).moved((0.2, 0, 5)) - HalfSpace((0, 0, 1), 5.0)
    assert projected_nm3(turned, 1.5, 50) == pytest.approx(pi * 2 / 3, rel=0.02)


def test_moved_and_turned_spheres_are_spheres():
    assert SPHERE.moved((1, 1, 1)) == Sphere((1.3, 0.8, 2.0), 2.0)
    turned = Sphere((1.0, 0.0, 0.0), 2.0).rotated(Rotation.from_euler("z", 90, degrees=True))
    assert turned.centre_nm == pytest.approx((0, 1, 0))


def test_points_on_a_face_are_inside_in_spite_of_rounding():
    box = Box((0.1, 0.2, 0.3), (0.2, 0.4, 0.6)).rotated(TURN)
    corners = TURN.apply([[0, 0, 0], [0.2, 0.4, 0.6], [0.2, 0, 0.6]])
    assert box.contains(corners).all()
    assert not box.contains(corners + TURN.apply([-1e-8, 1.1, 0])).any()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Sphere((0, 0, 0), -1.0), r"Sphere.diameter_nm: a size of -1 nm.*above zero"),
        (lambda: Sphere((0, 0, 0), float("nan")), "above zero"),
        (lambda: Sphere((0, 0), 1.0), "three finite numbers"),
        (lambda: Ellipsoid((0, 0, 0), (1, 0, 1)), "Ellipsoid.diameters_nm"),
        (lambda: Box((0, 0, 0), (1, 1, inf)), "Box.size_nm"),
        (lambda: Box.between((0, 0, 0), (1, -1, 1)), "a size of -1 nm"),
        (lambda: Cylinder((0, 0, 0), (0, 0, 0), 1.0), "no direction"),
        (lambda: Cylinder((0, 0, 0), (0, 0, 1), 1.0, -2.0), "Cylinder.length_nm"),
        (lambda: Slab((0, 0, 1), 2.0, 1.0), "2 and 1 nm"),
        (lambda: HalfSpace((0, 0, 0), 2.0), "HalfSpace.normal"),
        (lambda: Where(bool, (0, 0, 0), (0, 1, 1)), "above zero"),
    ],
)
def test_impossible_shapes_are_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()
