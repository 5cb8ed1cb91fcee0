"""Structures drawn as balls: places, order, colours, panels; one picture of the gallery."""

import gallery_page
import gallery_scenes  # noqa: F401  registers its pictures
import numpy as np
import pytest
from gallery_figure import legend_entries, structure_figure
from gallery_spheres import Balls, painted, seen_along_z, seen_in_perspective
from matplotlib.colors import to_rgb

from hrtem_shift.errors import InputError
from hrtem_shift.figures.colours import ORANGE
from hrtem_shift.figures.report import figure_png
from hrtem_shift.structures.atoms import Atoms
from hrtem_shift.structures.crystal_library import CRYSTALS

RED, BLUE = (1.0, 0.0, 0.0), (0.0, 0.0, 1.0)
GOLD = Atoms.of(np.random.default_rng(1).uniform(0, 2, (20, 3)), 79)


def two_balls(depth):
    return Balls(
        np.array([[1.0, 1.0], [1.0, 1.0]]),
        np.array(depth),
        np.array([0.5, 0.3]),
        np.array([RED, BLUE]),
    )


def test_a_ball_is_where_it_is_and_as_large_as_it_is():
    ball = Balls(np.array([[0.5, 1.5]]), np.zeros(1), np.array([0.4]), np.array([RED]))
    picture = painted(ball, np.zeros(2), 2.0, 200)
    inked = (picture < 1).any(axis=2)
    assert inked.sum() == pytest.approx(np.pi * 40**2, rel=0.01)
    rows, columns = np.nonzero(inked)
    assert (rows.mean(), columns.mean()) == pytest.approx((149.5, 49.5), abs=0.1)


def test_the_nearer_ball_covers_the_farther():
    behind, before = (painted(two_balls(d), np.zeros(2), 2.0, 100) for d in ([1, 0], [0, 1]))
    assert np.argmax(behind[50, 50]) == 0
    assert np.argmax(before[50, 50]) == 2
    assert np.argmax(before[50, 70]) == 0  # beside the small ball the large one shows


def test_farther_balls_are_paler():
    balls = Balls(
        np.array([[0.5, 0.5], [1.5, 0.5]]),
        np.array([0.0, 1.0]),
        np.full(2, 0.3),
        np.array([RED] * 2),
    )
    picture = painted(balls, np.zeros(2), 2.0, 100)
    assert picture[25, 25, 1] > picture[25, 75, 1]


def test_perspective_enlarges_what_is_near_and_keeps_z_up():
    # The viewer stands at -y: the first ball is nearer, the last one higher.
    positions = np.array([[0.0, -1, 0], [0, 1, 0], [0, 0, 1]])
    balls = seen_in_perspective(positions, np.ones(3), np.zeros((3, 3)), 0.0, 0.0)
    assert balls.radii[0] > 1 > balls.radii[1]
    assert balls.depth[0] > balls.depth[2] > balls.depth[1]
    assert balls.centres[2, 1] > balls.centres[0, 1]


def test_the_projection_has_the_exit_surface_in_front():
    positions = np.array([[0.0, 0, 0], [0, 0, 1]])
    balls = seen_along_z(positions, np.full(2, 0.2), np.array([RED, BLUE]))
    assert np.argmax(painted(balls, np.full(2, -0.5), 1.0, 50)[25, 25]) == 2


def test_two_panels_and_one_for_each_image():
    images = {"micrograph": np.random.default_rng(0).random((8, 8)), "labels": np.eye(8, dtype=int)}
    figure = structure_figure("gold", GOLD, (2.0, 2.0, 2.0), images=images)
    headings = [ax.get_title() for ax in figure.axes]
    assert headings == ["along the beam", "in perspective", "micrograph", "labels"]
    assert figure.get_suptitle() == "gold"
    assert len(structure_figure("gold", GOLD).axes) == 2


def test_with_a_box_the_projection_shows_its_field_and_a_true_scale_bar():
    ax = structure_figure("gold", GOLD, (4.0, 4.0, 2.0)).axes[0]
    assert (ax.get_xlim(), ax.get_ylim()) == ((0, 4), (0, 4))
    (bar,) = ax.lines
    assert [text.get_text() for text in ax.texts] == ["1 nm"]
    assert np.ptp(bar.get_xdata()) * 4 == pytest.approx(1)


def test_elements_of_each_crystal_differ_and_regions_have_their_names():
    for crystal in CRYSTALS.values():
        atoms = Atoms.of(crystal.fractional, crystal.atomic_numbers)
        entries = legend_entries(atoms)
        assert len({colour for _, colour in entries.values()}) == len(entries)
    assert legend_entries(GOLD) == {79: ("Au", ORANGE)}
    two = Atoms.joined([GOLD.with_region(1), GOLD.with_region(2)])
    said = legend_entries(two, "region", {1: "core"})
    assert [name for name, _ in said.values()] == ["core", "region 2"]
    assert len({to_rgb(colour) for _, colour in said.values()}) == 2


def test_nothing_to_draw_is_said():
    with pytest.raises(InputError, match="is empty"):
        structure_figure("vacuum", GOLD.select(np.zeros(20, bool)))


def test_the_same_atoms_give_the_same_bytes():
    first, second = (figure_png(structure_figure("gold", GOLD), 40) for _ in range(2))
    assert first == second


def test_a_picture_of_the_gallery_is_what_the_command_makes():
    (entry,) = (entry for entry in gallery_page.PICTURES if entry.name == "vacancies")
    assert "with_vacancies(plate, fraction=0.1, rng=rng)" in entry.code
    assert '"""' not in entry.code
    first, second = entry.made(), entry.made()
    np.testing.assert_array_equal(first.positions_nm, second.positions_nm)
    png = gallery_page.small_png(entry.figure())
    assert png.startswith(b"\x89PNG")
    assert len(png) <= gallery_page.LARGEST_BYTES
