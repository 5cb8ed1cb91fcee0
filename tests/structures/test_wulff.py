from math import pi, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import ConvexHull

from hrtem_shift.errors import InputError
from hrtem_shift.structures.crystals import CRYSTALS, fill
from hrtem_shift.structures.miller import family
from hrtem_shift.structures.wulff import (
    NAMED_SHAPES,
    named_shape,
    winterbottom_shape,
    wulff_shape,
)

GOLD = CRYSTALS["Au"]
ENERGIES = {(1, 1, 1): 1.28, (1, 0, 0): 1.63, (1, 1, 0): 1.70}

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:spglib")


def shares(shape, crystal, planes):
    """Share of the surface that each family has."""
    areas = {plane: shape.area_nm2(family(crystal, plane)) for plane in planes}
    return {plane: area / shape.facet_areas_nm2.sum() for plane, area in areas.items()}


@pytest.fixture(scope="module")
def wulffpack():
    return pytest.importorskip("wulffpack", reason="an optional oracle: pip install wulffpack")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # spglib's, under wulffpack
@pytest.mark.parametrize(
    "energies",
    [
        ENERGIES,
        {(1, 1, 1): 1.0, (1, 0, 0): 1.15},
        {(1, 1, 1): 1.0, (1, 0, 0): 1.1, (1, 1, 0): 1.08, (2, 1, 0): 1.09},
        {(1, 0, 0): 1.0, (1, 1, 0): 1.2},
    ],
)
def test_facets_of_gold_equal_those_of_wulffpack(wulffpack, energies):
    from ase.build import bulk

    oracle = wulffpack.SingleCrystal(
        energies, primitive_structure=bulk("Au", a=4.0782), natoms=2000
    )
    shape = wulff_shape(GOLD, energies, atoms=2000)
    assert shape.volume_nm3 == pytest.approx(oracle.volume / 1000, rel=1e-6)
    assert shape.facet_areas_nm2.sum() == pytest.approx(oracle.area / 100, rel=1e-6)
    ours = shares(shape, GOLD, energies)
    for plane, share in ours.items():
        assert share == pytest.approx(oracle.facet_fractions.get(plane, 0), abs=1e-6)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # spglib's, under wulffpack
def test_hexagonal_facets_equal_those_of_wulffpack(wulffpack):
    """MoS2: four indices, and two sorts of pyramid."""
    from ase import Atoms

    crystal = CRYSTALS["MoS2"]
    energies = {(1, 0, -1, 0): 1.0, (0, 0, 0, 1): 0.6, (1, 0, -1, 3): 0.8}
    cell = Atoms(
        numbers=crystal.atomic_numbers,
        scaled_positions=crystal.fractional,
        cell=crystal.cell_nm * 10,
        pbc=True,
    )
    oracle = wulffpack.SingleCrystal(energies, primitive_structure=cell, natoms=1000)
    shape = wulff_shape(crystal, energies, atoms=1000)
    assert shape.facet_areas_nm2.sum() == pytest.approx(oracle.area / 100, rel=1e-6)
    for plane, share in shares(shape, crystal, energies).items():
        assert share == pytest.approx(oracle.facet_fractions.get(plane, 0), abs=1e-6)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # spglib's, under wulffpack
@pytest.mark.parametrize("interface_energy", [1.1, 0.5, -0.6])
@pytest.mark.parametrize("plane", [(1, 1, 1), (1, 0, 0)])
def test_supported_shapes_equal_those_of_wulffpack(wulffpack, plane, interface_energy):
    from ase.build import bulk

    oracle = wulffpack.Winterbottom(
        ENERGIES, plane, interface_energy, primitive_structure=bulk("Au", a=4.0782), natoms=3000
    )
    shape = winterbottom_shape(GOLD, ENERGIES, plane, interface_energy, atoms=3000)
    if interface_energy > 0:  # below, wulffpack 1.5 adds the cone of the contact to its volume
        assert shape.volume_nm3 == pytest.approx(oracle.volume / 1000, rel=1e-6)
        assert shape.facet_areas_nm2.sum() == pytest.approx(oracle.area / 100, rel=1e-6)
    for free in [(1, 0, 0), (1, 1, 0)]:  # all but the contact's own
        if free != plane:
            share = shares(shape, GOLD, [free])[free]
            assert share == pytest.approx(oracle.facet_fractions.get(free, 0), abs=1e-6)
    contact = shape.facet_areas_nm2[-1] / shape.facet_areas_nm2.sum()
    assert contact == pytest.approx(oracle.facet_fractions["interface"], abs=1e-6)


def energy_of(shape, energies, crystal):
    return (
        sum(energies[plane] * shape.area_nm2(family(crystal, plane)) for plane in energies)
        / np.cbrt(shape.volume_nm3) ** 2
    )


@settings(max_examples=15, deadline=None)
@given(
    ratio=st.floats(0.7, 1.4),
    change=st.floats(-0.25, 0.25).filter(lambda change: abs(change) > 0.02),
)
def test_no_other_truncation_has_less_surface_energy(ratio, change):
    """Wulff's theorem, at equal volume."""
    energies = {(1, 1, 1): 1.0, (1, 0, 0): ratio}
    best = wulff_shape(GOLD, energies, diameter_nm=3.0)
    other = wulff_shape(GOLD, {(1, 1, 1): 1.0, (1, 0, 0): ratio + change}, diameter_nm=3.0)
    least, energy = (energy_of(shape, energies, GOLD) for shape in (best, other))
    assert energy >= least - 1e-9


def test_facet_distances_are_proportional_to_energies():
    shape = wulff_shape(GOLD, ENERGIES, diameter_nm=4.0)
    for plane, energy in ENERGIES.items():
        members = set(family(GOLD, plane))
        chosen = np.array([name in members for name in shape.planes])
        ratio = shape.distances_nm[chosen] / energy
        assert ratio == pytest.approx(shape.distances_nm[0] / ENERGIES[(1, 1, 1)])


def test_sizes_are_volumes():
    assert wulff_shape(GOLD, ENERGIES, diameter_nm=4.0).volume_nm3 == pytest.approx(pi / 6 * 64)
    shape = wulff_shape(GOLD, ENERGIES, atoms=10_000)
    assert shape.volume_nm3 * GOLD.atoms_per_nm3 == pytest.approx(10_000)
    assert len(fill(GOLD, shape, offset_fractional=(0.1, 0.2, 0.3))) == pytest.approx(1e4, rel=0.03)


@pytest.mark.parametrize("name", sorted(NAMED_SHAPES))
def test_named_shapes_have_equal_edges(name):
    shape = named_shape(name, GOLD, diameter_nm=4.0)
    edges_nm = [
        np.linalg.norm(shape.vertices_nm[a] - shape.vertices_nm[b])
        for face in shape.faces
        for a, b in zip(face, np.roll(face, 1), strict=True)
    ]
    np.testing.assert_allclose(edges_nm, edges_nm[0], rtol=1e-6)
    assert shape.volume_nm3 == pytest.approx(pi / 6 * 64)


def test_zinc_blende_has_an_octahedron_too():
    shape = named_shape("octahedron", CRYSTALS["CdSe_zincblende"], diameter_nm=4.0)
    assert len(shape.vertices_nm) == 6


@pytest.mark.parametrize("edge", [2, 3, 4, 5])
def test_octahedra_and_cubes_about_an_atom_have_their_magic_numbers(edge):
    """Octahedra k(2k² + 1)/3 of k atoms an edge (odd k: 1, 19, 85); fcc cubes of n cells."""
    a_nm = 0.40782
    if edge % 2:  # an atom in the middle
        apothem_nm = (edge - 1) / 2 * a_nm / sqrt(3)
        octahedron = named_shape("octahedron", GOLD, atoms=1)
        octahedron = octahedron.scaled(apothem_nm / octahedron.distances_nm[0])
        assert len(fill(GOLD, octahedron)) == edge * (2 * edge**2 + 1) // 3
    cube = named_shape("cube", GOLD, diameter_nm=1)
    cube = cube.scaled(edge * a_nm / 2 / cube.distances_nm[0]).moved([edge * a_nm / 2] * 3)
    assert len(fill(GOLD, cube)) == (edge + 1) ** 3 + 3 * edge**2 * (edge + 1)


@pytest.mark.parametrize("energy", [0.8, 0.0, -0.6])
def test_supported_shapes_have_their_volume(energy):
    """Oracle: qhull's volume of the corners."""
    shape = winterbottom_shape(GOLD, ENERGIES, (1, 0, 0), energy, atoms=3000)
    hull = ConvexHull(shape.vertices_nm)
    assert shape.volume_nm3 * GOLD.atoms_per_nm3 == pytest.approx(3000)
    assert (hull.volume, hull.area) == pytest.approx(
        (shape.volume_nm3, shape.facet_areas_nm2.sum())
    )


def test_a_support_that_does_not_stick_leaves_the_free_shape():
    free = wulff_shape(GOLD, ENERGIES, diameter_nm=4.0)
    for energy in (ENERGIES[(1, 1, 1)], 9.0):
        shape = winterbottom_shape(GOLD, ENERGIES, (1, 1, 1), energy, diameter_nm=4.0)
        assert shape.facet_areas_nm2.sum() == pytest.approx(free.facet_areas_nm2.sum())
        assert len(shape.vertices_nm) == len(free.vertices_nm)


def test_a_sticky_support_flattens():
    heights_nm = []
    for energy in (1.2, 0.6, 0.0, -0.6, -1.2):
        shape = winterbottom_shape(GOLD, ENERGIES, (1, 1, 1), energy, diameter_nm=4.0)
        low, high = shape.extent_nm(shape.normals[-1])
        heights_nm.append(high - low)
        assert shape.planes[-1] == (1, 1, 1)
        assert high == pytest.approx(shape.distances_nm[-1])
    assert heights_nm == sorted(heights_nm, reverse=True)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: wulff_shape(GOLD, {(1, 1, 1): -1.0}, atoms=10), r"-1 J/m² for \(1, 1, 1\)"),
        (lambda: wulff_shape(GOLD, {(1, 1, 1): 0.0}, atoms=10), "J/m²"),
        (lambda: wulff_shape(GOLD, ENERGIES), "two sizes or none"),
        (lambda: wulff_shape(GOLD, ENERGIES, atoms=10, diameter_nm=2.0), "two sizes or none"),
        (lambda: wulff_shape(GOLD, ENERGIES, diameter_nm=-2.0), "above zero"),
        (lambda: wulff_shape(CRYSTALS["MoS2"], {(0, 0, 1): 1.0}, atoms=9), "leave a side open"),
        (lambda: named_shape("ocathedron", GOLD, atoms=10), "did you mean 'octahedron'"),
        (lambda: named_shape("cube", CRYSTALS["MoS2"], atoms=10), "not cubic"),
        (
            lambda: winterbottom_shape(GOLD, ENERGIES, (1, 1, 1), -1.3, atoms=10),
            "film without height",
        ),
    ],
)
def test_impossible_shapes_are_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()
