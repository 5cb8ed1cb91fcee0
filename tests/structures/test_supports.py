import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from hrtem_shift.errors import InputError
from hrtem_shift.structures.crystals import CRYSTALS
from hrtem_shift.structures.islands import epitaxial_island, island_volume, islands_on
from hrtem_shift.structures.planar_defects import PlanarDefect
from hrtem_shift.structures.supports import (
    _without_seam,
    commensurate_field_nm,
    crystal_support,
    molybdenum_disulphide,
)

GOLD, MOS2 = CRYSTALS["Au"], CRYSTALS["MoS2"]
GOLD_NM = float(GOLD.cell_nm[0, 0])
SPACING_NM = GOLD_NM / 3**0.5
FIELD_NM = (6.0, 5.5)


def periodic(positions_nm, field_nm):
    return cKDTree(positions_nm, boxsize=(*field_nm, 0))


def nearest_nm(positions_nm, field_nm):
    return periodic(positions_nm, field_nm).query(positions_nm, k=2)[0][:, 1]


def area_of_cell_nm2():
    return np.linalg.norm(np.cross(*MOS2.cell_nm[:2]))


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_sheets_have_one_molybdenum_and_two_sulphur_a_cell(layers):
    field_nm = commensurate_field_nm(MOS2, FIELD_NM)
    sheet = molybdenum_disulphide(field_nm, layers)
    cells = round(np.prod(field_nm) / area_of_cell_nm2())
    assert np.prod(field_nm) == pytest.approx(cells * area_of_cell_nm2())
    assert (sheet.atomic_numbers == 42).sum() == layers * cells
    assert (sheet.atomic_numbers == 16).sum() == 2 * layers * cells
    heights_nm = np.unique(np.round(sheet.positions_nm[:, 2], 6))
    assert len(heights_nm) == 3 * layers and heights_nm[0] == 0
    assert set(sheet.atomic_numbers[sheet.positions_nm[:, 2] > heights_nm[-1] - 1e-5]) == {16}


def test_a_fitting_field_has_no_seam():
    """Six sulphur at one distance around every molybdenum, across the borders, too."""
    field_nm = commensurate_field_nm(MOS2, FIELD_NM)
    assert np.abs(np.subtract(field_nm, FIELD_NM)).max() < 0.3
    sheet = molybdenum_disulphide(field_nm)
    sulphur = periodic(sheet.positions_nm[sheet.atomic_numbers == 16], field_nm)
    bonds_nm = sulphur.query(sheet.positions_nm[sheet.atomic_numbers == 42], k=7)[0]
    height_nm = (0.75 - 0.621) * MOS2.cell_nm[2, 2]  # Bronsema et al. (1986)
    expected = np.hypot(0.3160 / 3**0.5, height_nm)
    assert bonds_nm[:, :6] == pytest.approx(expected, rel=1e-6)
    assert (bonds_nm[:, 6] > 1.2 * expected).all()


@settings(max_examples=15, deadline=None)
@given(
    angle_degrees=st.floats(-180, 180),
    edges_nm=st.tuples(st.floats(2.0, 5.0), st.floats(2.0, 5.0)),
)
def test_any_field_is_filled_and_keeps_the_distance_across_its_borders(angle_degrees, edges_nm):
    sheet = molybdenum_disulphide(edges_nm, angle_degrees=angle_degrees)
    assert (sheet.positions_nm[:, :2] >= 0).all()
    assert (sheet.positions_nm[:, :2] < edges_nm).all()
    assert nearest_nm(sheet.positions_nm, edges_nm).min() >= 0.15
    wanted = 3 * np.prod(edges_nm) / area_of_cell_nm2()
    rim = 3 * 2 * sum(edges_nm) * 0.32 / area_of_cell_nm2()
    assert wanted - rim < len(sheet) < wanted + rim


def test_a_seam_takes_no_more_atoms_than_it_must():
    """The second is too near the first; the third only to the second, which has gone."""
    positions_nm = np.array([[1.95, 0, 0], [0.05, 0, 0], [1.9, 0, 0]])
    assert _without_seam(positions_nm, (2.0, 2.0), 0.16).tolist() == [True, False, True]


def test_the_direction_lies_where_the_angle_says():
    sheet = molybdenum_disulphide((6.0, 6.0), angle_degrees=20.0)
    metal_nm = sheet.positions_nm[sheet.atomic_numbers == 42]
    middle_nm = metal_nm[np.argmin(np.linalg.norm(metal_nm[:, :2] - 3.0, axis=1))]
    to = metal_nm[cKDTree(metal_nm).query(middle_nm, k=7)[1][1:]] - middle_nm
    angles = np.degrees(np.arctan2(to[:, 1], to[:, 0])) % 60
    assert angles == pytest.approx(20.0, abs=1e-6)


def test_any_crystal_can_be_cut_along_a_plane():
    """Silicon (111): 4 layers of double layers, a third of a cube's diagonal apart."""
    silicon = CRYSTALS["Si"]
    layout = {"plane": (1, 1, 1), "direction": (1, -1, 0)}
    field_nm = commensurate_field_nm(silicon, (3.0, 3.0), **layout)
    slab = crystal_support(silicon, field_nm, 1.2, **layout)
    steps_nm = np.diff(np.unique(np.round(slab.positions_nm[:, 2], 6)))
    double_nm = 0.5430 / 3**0.5
    assert set(np.round(steps_nm / double_nm, 3)) == {0.25, 0.75}
    bond_nm = 0.5430 * 3**0.5 / 4
    assert nearest_nm(slab.positions_nm, field_nm) == pytest.approx(bond_nm)


def test_the_facets_of_an_island_are_111_and_100():
    """Angles to the base of 70.53 and 54.74 degrees; the top is flat."""
    shape = island_volume(4.0, 1.0)
    rise = np.degrees(np.arccos(shape.normals[:, 2]))
    assert sorted(rise) == pytest.approx([0] + [54.7356] * 3 + [70.5288] * 3 + [180], abs=1e-4)
    angle_111 = shape.normals[2] @ shape.normals[3]
    assert angle_111 == pytest.approx(-1 / 3)  # octahedron faces of an upright pyramid: 109.5
    assert shape.normals[5] @ shape.normals[6] == pytest.approx(0)  # cube faces: 90


def test_truncation_leads_from_a_triangle_to_a_hexagon():
    bases = []
    for truncation in (0.0, 0.5, 1.0):
        corners = island_volume(4.0, 0.8, truncation).vertices_nm
        bases.append((np.abs(corners[:, 2]) < 1e-9).sum())
    assert bases == [3, 6, 6]
    corners = island_volume(4.0, 0.8).vertices_nm
    base = corners[np.abs(corners[:, 2]) < 1e-9]
    assert np.linalg.norm(base, axis=1) == pytest.approx(2.0 / np.cos(np.pi / 6))


def test_the_sides_of_an_island_are_lattice_planes():
    """Along each side's normal, atoms stand at whole numbers of its interplanar spacing."""
    island = epitaxial_island(GOLD, (0, 0, 0), width_nm=4.0, height_nm=1.2)
    for normal in island.volume.normals[2:]:
        spacing_nm = SPACING_NM if normal[2] < 0.4 else GOLD_NM / 2
        heights = island.atoms.positions_nm @ normal / spacing_nm
        assert np.abs(heights - np.round(heights)).max() < 1e-9


def test_an_island_stands_on_its_base_in_whole_layers():
    island = epitaxial_island(
        GOLD, (1.0, 2.0, 0.7), width_nm=4.0, height_nm=1.0, angle_degrees=180.0
    )
    layer = (island.atoms.positions_nm[:, 2] - 0.7) / SPACING_NM
    assert sorted(set(np.round(layer, 6))) == [0, 1, 2, 3, 4]
    assert island.volume.contains(island.atoms.positions_nm).all()
    sizes = np.bincount(np.round(layer).astype(int))
    assert (np.diff(sizes) < 0).all()  # sides lean inwards


def test_islands_may_be_twinned():
    island = epitaxial_island(
        GOLD, (0, 0, 0), width_nm=4.0, height_nm=1.5, defects=[PlanarDefect("twin", 3)]
    )
    upper = island.atoms.positions_nm[:, 2] > 3.5 * SPACING_NM
    assert np.array_equal(island.atoms.region, 1 + upper)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_islands_on_mos2_are_epitaxial_apart_and_above(seed):
    support = molybdenum_disulphide((10.0, 10.0), angle_degrees=15.0)
    sizes = {"widths_nm": [2.0, 3.0, 1.5], "heights_nm": [0.8, 1.0, 0.6]}
    islands = islands_on(
        support,
        GOLD,
        field_nm=(10.0, 10.0),
        rng=np.random.default_rng(seed),
        support_angle_degrees=15.0,
        **sizes,
    )
    top_nm = support.positions_nm[:, 2].max()
    for island, width_nm in zip(islands, sizes["widths_nm"], strict=True):
        positions_nm = island.atoms.positions_nm
        assert positions_nm[:, 2].min() == pytest.approx(top_nm + 0.27)
        assert (positions_nm[:, :2] >= 0).all() and (positions_nm[:, :2] <= 10).all()
        base_nm = positions_nm[positions_nm[:, 2] < top_nm + 0.28]
        spread_nm = np.ptp(base_nm[:, 0])
        assert width_nm - 0.6 < spread_nm < 1.2 * width_nm
        middle_nm = base_nm[np.argmin(np.linalg.norm(base_nm - base_nm.mean(axis=0), axis=1))]
        to = base_nm[cKDTree(base_nm).query(middle_nm, k=7)[1][1:]] - middle_nm
        assert np.degrees(np.arctan2(to[:, 1], to[:, 0])) % 60 == pytest.approx(15.0, abs=1e-6)
        assert island.angle_degrees in (15.0, 195.0)
        for other in islands:
            if other is not island:
                tree = cKDTree(other.atoms.positions_nm)
                assert tree.query(positions_nm)[0].min() >= 0.5


def test_both_variants_and_the_same_bytes_occur():
    support = molybdenum_disulphide((10.0, 10.0))

    def grown(seed):
        return islands_on(
            support,
            GOLD,
            field_nm=(10.0, 10.0),
            widths_nm=[1.5] * 4,
            heights_nm=[0.6] * 4,
            rng=np.random.default_rng(seed),
        )

    one, two = (
        [i.atoms.positions_nm.tobytes() for i in islands] for islands in (grown(1), grown(1))
    )
    assert one == two
    assert {i.angle_degrees for seed in range(5) for i in grown(seed)} == {0.0, 180.0}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: molybdenum_disulphide((5.0, 5.0), 0), "at least one"),
        (lambda: crystal_support(MOS2, (5.0, 5.0), 0.1), "No atom of"),
        (lambda: crystal_support(MOS2, (5.0, -5.0), 1.0), "finite and above zero"),
        (
            lambda: commensurate_field_nm(GOLD, (5, 5), plane=(1, 1, 1), direction=(5, 7, -12)),
            "right angle",
        ),
        (lambda: island_volume(3.0, 0.0), "above zero"),
        (lambda: island_volume(3.0, 1.0, 1.5), "from 0 to 1"),
        (lambda: crowd(4.0, 1), "does not fit"),
        (lambda: crowd(1.2, 9), "Ask for fewer"),
    ],
)
def test_impossible_requests_are_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()


def crowd(width_nm, count):
    islands_on(
        molybdenum_disulphide((4.0, 4.0)),
        GOLD,
        field_nm=(4.0, 4.0),
        widths_nm=[width_nm] * count,
        heights_nm=[0.5] * count,
        rng=np.random.default_rng(0),
    )
