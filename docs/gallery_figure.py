"""Structures: atoms along the beam and in perspective, and what a microscope makes of them."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any, Literal

import numpy as np
from gallery_spheres import Balls, painted, seen_along_z, seen_in_perspective
from matplotlib.colors import ListedColormap, to_rgb
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from hrtem_shift.errors import InputError
from hrtem_shift.figures.colours import (
    BLUE,
    GREEN,
    INK,
    ORANGE,
    PALE,
    PURPLE,
    QUIET,
    SERIES,
    SKY,
    VERMILLION,
)
from hrtem_shift.figures.examples import round_length_nm
from hrtem_shift.structures.atoms import Atoms
from hrtem_shift.structures.elements import symbol

PANEL_PIXELS = 720
_YELLOW = "#F0E442"  # fades as a line on white, not as a ball with a dark rim
ELEMENT_COLOURS = {
    "H": "#e8e8e8", "C": "#8a8a8a", "O": VERMILLION, "Si": GREEN, "S": _YELLOW, "Mn": PURPLE,
    "Fe": BLUE, "Co": BLUE, "Cu": VERMILLION, "Zn": SKY, "Se": ORANGE, "Mo": PURPLE,
    "Ag": SKY, "Pd": GREEN, "Cd": BLUE, "Au": ORANGE,
}  # fmt: skip
"""Colours of Okabe and Ito; elements of one crystal of the library differ."""
RADII_NM = {
    "H": 0.03, "C": 0.06, "N": 0.06, "O": 0.06, "S": 0.08, "Se": 0.09, "Si": 0.09,
}  # fmt: skip
"""Radii of the balls, about half of those that would touch; 0.11 nm for all others."""
METAL_RADIUS_NM = 0.11
_MOST_NAMES = 8


def structure_figure(
    title: str,
    atoms: Atoms,
    box_nm: tuple[float, float, float] | None = None,
    *,
    colour_by: Literal["element", "region"] = "element",
    names: Mapping[int, str] | None = None,
    images: Mapping[str, NDArray[Any]] | None = None,
    outline_box: bool = True,
) -> Figure:
    """Draw atoms projected along the beam and in perspective.

    Parameters
    ----------
    title : str
        Stands above the panels.
    atoms : Atoms
        What to draw.
    box_nm : tuple of float, optional
        Edges (x, y, z) of a box with a corner in the origin, nm; the projection shows its
        field.
    colour_by : str
        ``element`` or ``region``.
    names : mapping of int to str, optional
        What the legend calls the regions; ``region 1`` ... by default.
    images : mapping of str to array, optional
        Further panels by their headings, arrays (H, W) of the box's field: floats in grey,
        whole numbers as labels, 0 on the background.
    outline_box : bool
        Whether the perspective shows the box's edges.

    Returns
    -------
    Figure
        All panels have x to the right and y up, so that z points at the viewer: the exit
        surface is in front, and a micrograph's row 0 is its lowest.

    Raises
    ------
    InputError
        There are no atoms.
    """
    if not len(atoms):
        raise InputError(
            "is empty",
            where=f"structure '{title}'",
            why="There is nothing to draw",
            fix="Check the volume that was filled: it may lie between the atoms",
        )
    images = images or {}
    panels = 2 + len(images)
    figure = Figure(figsize=(2.75 * panels, 3.35), layout=ConstrainedLayoutEngine(w_pad=0.04))
    figure.suptitle(title, x=0.01, ha="left", fontsize=10, color=INK)
    axes = figure.subplots(1, panels)
    entries = legend_entries(atoms, colour_by, names)
    keys = atoms.atomic_numbers if colour_by == "element" else atoms.region
    radii = np.array([RADII_NM.get(symbol(z), METAL_RADIUS_NM) for z in range(1, 104)])
    radii_nm = radii[atoms.atomic_numbers - 1]
    colours = _by_key(keys, {key: to_rgb(colour) for key, (_, colour) in entries.items()})
    across = seen_along_z(atoms.positions_nm, radii_nm, colours)
    corner, size_nm = _square(across, margin=1.02)
    if box_nm is not None:
        corner, size_nm = np.zeros(2), max(box_nm[:2])
    _draw_projection(axes[0], across, corner, size_nm)
    _draw_perspective(
        axes[1], atoms.positions_nm, radii_nm, colours, box_nm if outline_box else None
    )
    for ax, (heading, pixels) in zip(axes[2:], images.items(), strict=True):
        _draw_image(ax, heading, pixels)
    for ax in axes:
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_color(PALE)
    _draw_legend(figure, entries)
    return figure


def legend_entries(
    atoms: Atoms, colour_by: str = "element", names: Mapping[int, str] | None = None
) -> dict[int, tuple[str, str]]:
    """Name and colour of each element or region that occurs, by its number."""
    if colour_by == "element":
        numbers = np.unique(atoms.atomic_numbers).tolist()
        taken: dict[int, tuple[str, str]] = {}
        for number in numbers:
            name = symbol(number)
            own = ELEMENT_COLOURS.get(name, SERIES[number % len(SERIES)])
            used = [colour for _, colour in taken.values()]
            free = [colour for colour in SERIES if colour not in used]
            taken[number] = (name, own if own not in used or not free else free[0])
        return taken
    regions = np.unique(atoms.region).tolist()
    palette = (*SERIES, _YELLOW, QUIET)
    names = names or {}
    return {
        region: (names.get(region, f"region {region}"), palette[k % len(palette)])
        for k, region in enumerate(regions)
    }


def _by_key(
    keys: NDArray[np.int64], colours: Mapping[int, tuple[float, float, float]]
) -> NDArray[np.float64]:
    known, which = np.unique(keys, return_inverse=True)
    return np.array([colours[key] for key in known.tolist()])[which]


def _square(balls: Balls, margin: float) -> tuple[NDArray[np.float64], float]:
    """Lower left corner and edge of a square around balls."""
    low, high = balls.bounds
    size = float((high - low).max()) * margin
    return (low + high - size) / 2, size


def _draw_projection(ax: Any, balls: Balls, corner: NDArray[np.float64], size_nm: float) -> None:
    extent = (corner[0], corner[0] + size_nm, corner[1], corner[1] + size_nm)
    picture = painted(balls, corner, size_nm, PANEL_PIXELS)
    ax.imshow(picture, origin="lower", extent=extent, interpolation="antialiased")
    ax.set_title("along the beam", fontsize=9, color=QUIET, pad=4)
    # Below the panel, where it hides no atom.
    share = round_length_nm(0.3 * size_nm) / size_nm
    outside = {"transform": ax.transAxes, "clip_on": False}
    ax.plot([0, share], [-0.045] * 2, color=INK, linewidth=3, solid_capstyle="butt", **outside)
    label = f"{round_length_nm(0.3 * size_nm):g} nm"
    ax.text(share + 0.02, -0.045, label, color=INK, fontsize=8, va="center", **outside)
    ax.set(xlim=extent[:2], ylim=extent[2:])


def _draw_perspective(
    ax: Any,
    positions_nm: NDArray[np.float64],
    radii_nm: NDArray[np.float64],
    colours: NDArray[np.float64],
    box_nm: tuple[float, float, float] | None,
) -> None:
    if box_nm is not None:  # its edges as rows of dots, so that atoms hide what is behind
        edges_nm = _box_edges_nm(box_nm)
        positions_nm = np.concatenate([positions_nm, edges_nm])
        radii_nm = np.append(radii_nm, np.full(len(edges_nm), 0.0012 * max(box_nm)))
        colours = np.concatenate([colours, np.full((len(edges_nm), 3), to_rgb(QUIET))])
    width_nm, depth_nm, height_nm = np.ptp(positions_nm, axis=0) + 1e-9
    flat = 1 - min(height_nm / max(width_nm, depth_nm), 1)  # seen from higher up
    balls = seen_in_perspective(positions_nm, radii_nm, colours, elevation_degrees=24 + 20 * flat)
    corner, size = _square(balls, margin=1.02)
    picture = painted(balls, corner, size, PANEL_PIXELS)
    ax.imshow(picture, origin="lower", interpolation="antialiased")
    ax.set_title("in perspective", fontsize=9, color=QUIET, pad=4)


def _box_edges_nm(box_nm: tuple[float, float, float]) -> NDArray[np.float64]:
    """Points along the twelve edges of a box, dense enough to look like lines."""
    along = np.linspace(0, 1, 2 * PANEL_PIXELS)
    edges = []
    for axis, ends in product(range(3), product((0.0, 1.0), repeat=2)):
        edges.append(np.insert(np.tile(ends, (len(along), 1)), axis, along, axis=1))
    return np.concatenate(edges) * box_nm


def _draw_image(ax: Any, heading: str, pixels: NDArray[Any]) -> None:
    if np.issubdtype(pixels.dtype, np.integer):
        colours = ["white", *(SERIES[k % len(SERIES)] for k in range(int(pixels.max())))]
        ax.imshow(
            pixels,
            cmap=ListedColormap(colours),
            vmin=-0.5,
            vmax=len(colours) - 0.5,
            origin="lower",
            interpolation="nearest",
        )
    else:
        low, high = np.percentile(pixels, [0.3, 99.7])
        ax.imshow(pixels, cmap="gray", vmin=low, vmax=high, origin="lower")
    ax.set_title(heading, fontsize=9, color=QUIET, pad=4)


def _draw_legend(figure: Figure, entries: Mapping[int, tuple[str, str]]) -> None:
    style: dict[str, Any] = {
        "marker": "o",
        "linestyle": "none",
        "markeredgecolor": QUIET,
        "markeredgewidth": 0.5,
    }
    handles = [Line2D([], [], color=c, label=name, **style) for name, c in entries.values()]
    if len(handles) > _MOST_NAMES:
        return
    figure.legend(
        handles=handles,
        loc="outside lower left",
        ncols=_MOST_NAMES,
        frameon=False,
        fontsize=8,
        handletextpad=0.1,
        columnspacing=1.0,
    )
