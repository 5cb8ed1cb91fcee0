from math import sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from hrtem_shift.errors import InputError
from hrtem_shift.structures.crystals import CRYSTALS
from hrtem_shift.structures.miller import lattice_symmetry
from hrtem_shift.structures.polyhedra import ConvexPolyhedron
from hrtem_shift.structures.volumes import HalfSpace

GOLD = CRYSTALS["Au"]
CUBE = ConvexPolyhedron.from_facets(GOLD, {(1, 0, 0): 0.5})
OCTAHEDRON = ConvexPolyhedron.from_facets(GOLD, {(1, 1, 1): 1 / sqrt(6)})
TRUNCATED = ConvexPolyhedron.from_facets(GOLD, {(1, 1, 1): sqrt(6) / 2, (1, 0, 0): sqrt(2)})
CUBOCTAHEDRON = ConvexPolyhedron.from_facets(GOLD, {(1, 1, 1): sqrt(2 / 3), (1, 0, 0): sqrt(0.5)})
DODECAHEDRON = ConvexPolyhedron.from_facets(GOLD, {(1, 1, 0): sqrt(2 / 3)})


@pytest.mark.parametrize(
    ("shape", "corners", "volume_nm3", "area_nm2"),
    [
        (CUBE, 8, 1.0, 6.0),
        (OCTAHEDRON, 6, sqrt(2) / 3, 2 * sqrt(3)),
        (TRUNCATED, 24, 8 * sqrt(2), 6 + 12 * sqrt(3)),
        (CUBOCTAHEDRON, 12, 5 / 3 * sqrt(2), 6 + 2 * sqrt(3)),
        (DODECAHEDRON, 14, 16 / 9 * sqrt(3), 8 * sqrt(2)),
    ],
)
def test_solids_of_edge_1_have_their_closed_forms(shape, corners, volume_nm3, area_nm2):
    assert len(shape.vertices_nm) == corners
    assert shape.volume_nm3 == pytest.approx(volume_nm3, rel=1e-9)
    assert shape.facet_areas_nm2.sum() == pytest.approx(area_nm2, rel=1e-9)
    edges = {
        frozenset((int(a), int(b)))
        for face in shape.faces
        for a, b in zip(face, np.roll(face, 1), strict=True)
    }
    assert corners - len(edges) + len(shape.normals) == 2  # Euler
    for edge in edges:
        a, b = shape.vertices_nm[list(edge)]
        assert np.linalg.norm(a - b) == pytest.approx(1.0, rel=1e-6)


def test_facets_of_a_family_are_found_by_name():
    assert TRUNCATED.area_nm2([(1, 0, 0), (0, -1, 0)]) == pytest.approx(2.0)
    assert TRUNCATED.area_nm2([(1, 1, -1)]) == pytest.approx(1.5 * sqrt(3))
    assert TRUNCATED.area_nm2([(1, 1, 0)]) == 0


def test_a_facet_that_is_cut_away_has_no_area():
    shape = ConvexPolyhedron.from_facets(GOLD, {(1, 0, 0): 0.5, (1, 1, 1): 5.0})
    assert shape.volume_nm3 == pytest.approx(1.0)
    assert sorted(shape.facet_areas_nm2.round(9).tolist()) == [0.0] * 8 + [1.0] * 6


def test_a_plane_that_touches_a_corner_adds_no_corner():
    """Four planes and more meet there: the degenerate case of a vertex search."""
    touching = ConvexPolyhedron.from_facets(GOLD, {(1, 0, 0): 0.5, (1, 1, 1): sqrt(3) / 2})
    assert len(touching.vertices_nm) == 8
    assert touching.volume_nm3 == pytest.approx(1.0)


def test_zinc_blende_has_two_families_of_111():
    crystal = CRYSTALS["CdSe_zincblende"]
    tetrahedron = ConvexPolyhedron.from_facets(crystal, {(1, 1, 1): 1.0})
    assert len(tetrahedron.normals) == 4
    assert tetrahedron.volume_nm3 == pytest.approx(8 * sqrt(3))  # inradius 1
    eight = ConvexPolyhedron.from_facets(
        crystal, {(1, 1, 1): 1.0}, operations=lattice_symmetry(crystal)
    )
    assert len(eight.normals) == 8


def test_wurtzite_makes_a_hexagonal_prism_of_polar_ends():
    crystal = CRYSTALS["CdSe_wurtzite"]
    facets = {(1, 0, -1, 0): 1.0, (0, 0, 0, 1): 2.0, (0, 0, 0, -1): 3.0}
    prism = ConvexPolyhedron.from_facets(crystal, facets)
    assert len(prism.normals) == 8
    assert prism.volume_nm3 == pytest.approx(2 * sqrt(3) * 5)
    assert prism.extent_nm((0, 0, 1)) == pytest.approx((-3, 2))


def test_single_facets_are_taken_without_their_family():
    facets = {(1, 0, 0): 1, (-1, 0, 0): 1, (0, 1, 0): 2, (0, -1, 0): 2, (0, 0, 1): 3, (0, 0, -1): 3}
    brick = ConvexPolyhedron.from_facets(GOLD, facets, symmetric=False)
    assert brick.volume_nm3 == pytest.approx(48)


@pytest.mark.parametrize("shape", [CUBE, OCTAHEDRON, TRUNCATED, DODECAHEDRON.moved((5, -3, 2))])
def test_the_hull_of_the_corners_is_the_polyhedron(shape):
    hull = ConvexPolyhedron.from_points(shape.vertices_nm)
    assert len(hull.normals) == len(shape.normals)
    assert hull.volume_nm3 == pytest.approx(shape.volume_nm3)
    at = np.random.default_rng(0).uniform(-1.5, 1.5, (2000, 3)) + shape.vertices_nm.mean(axis=0)
    assert np.array_equal(hull.contains(at), shape.contains(at))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_motions_keep_shape_and_chords_sum_to_the_volume(seed):
    rng = np.random.default_rng(seed)
    shape = TRUNCATED.rotated(Rotation.random(rng=rng)).moved(rng.uniform(-9, 9, 3))
    assert shape.volume_nm3 == pytest.approx(TRUNCATED.volume_nm3, rel=1e-6)
    np.testing.assert_allclose(shape.facet_areas_nm2, TRUNCATED.facet_areas_nm2, rtol=1e-6)
    assert shape.planes == TRUNCATED.planes
    low_nm, high_nm = shape.bounds_nm()
    x_nm, y_nm = (
        np.linspace(low, high, 201)[:-1] + (high - low) / 400
        for low, high in zip(low_nm[:2], high_nm[:2], strict=True)
    )
    pixel_nm2 = np.prod(high_nm[:2] - low_nm[:2]) / 200**2
    chords_nm = shape.chord_nm(x_nm[None, :], y_nm[:, None])
    assert chords_nm.sum() * pixel_nm2 == pytest.approx(TRUNCATED.volume_nm3, rel=2e-3)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_random_hulls_hold_their_points(seed):
    at = np.random.default_rng(seed).uniform(-3, 3, (30, 3))
    hull = ConvexPolyhedron.from_points(at)
    assert hull.contains(at).all()
    assert not hull.contains(hull.vertices_nm.mean(axis=0) + 7 * np.eye(3)).any()
    assert hull.scaled(2).volume_nm3 == pytest.approx(8 * hull.volume_nm3, rel=1e-6)


def test_it_equals_the_intersection_of_its_half_spaces():
    at = np.random.default_rng(0).uniform(-1, 1, (5000, 3))
    inside = np.ones(len(at), dtype=bool)
    for normal, distance in zip(OCTAHEDRON.normals, OCTAHEDRON.distances_nm, strict=True):
        inside &= HalfSpace(tuple(normal), distance).contains(at)
    assert np.array_equal(OCTAHEDRON.contains(at), inside)


def test_a_beam_beside_faces_that_are_parallel_to_it_misses():
    assert CUBE.chord_nm([0.0, 0.49, 0.51, -5.0], [0.1, -0.49, 0.0, 0.0]) == pytest.approx(
        [1, 1, 0, 0]
    )


def test_the_origin_may_be_outside():
    beside = ConvexPolyhedron(np.vstack([np.eye(3), -np.eye(3)]), [7, 1, 1, -5, 1, 1])
    assert beside.volume_nm3 == pytest.approx(8)
    assert beside.extent_nm((1, 0, 0)) == pytest.approx((5, 7))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ConvexPolyhedron(np.eye(3), [1, 1, 1]), "leave a side open"),
        (lambda: ConvexPolyhedron(np.vstack([np.eye(3), -np.eye(3)]), [1] * 3 + [-2] * 3), "share"),
        (lambda: ConvexPolyhedron(np.vstack([np.eye(3), -np.eye(3)]), [1] * 3 + [-1] * 3), "share"),
        (lambda: ConvexPolyhedron(np.zeros((4, 3)), np.ones(4)), "normal and a distance"),
        (lambda: ConvexPolyhedron(np.eye(3), [1, 1, np.nan]), "finite number"),
        (lambda: ConvexPolyhedron.from_points(np.eye(3)), "fewer than four"),
        (lambda: ConvexPolyhedron.from_points(np.eye(4)[:, :2].repeat(2, 0)), "."),
        (lambda: ConvexPolyhedron.from_facets(GOLD, {(1, 1, 1): -1.0}), "share no volume"),
        (lambda: ConvexPolyhedron.from_facets(GOLD, {(1, 1, 1): 1, (-1, 1, 1): 2}), "given twice"),
        (lambda: ConvexPolyhedron.from_facets(GOLD, {(0, 0, 0): 1.0}), "no plane"),
        (
            lambda: ConvexPolyhedron.from_facets(CRYSTALS["CdSe_wurtzite"], {(1, 0, 0): 1.0}),
            "leave a side open",
        ),
    ],
)
def test_planes_that_enclose_nothing_are_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()
