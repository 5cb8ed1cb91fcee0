"""Particles of a mask, and their measures in nm."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from skimage.measure import find_contours, regionprops_table

from hrtem_shift.networks.cores import particles_of

COLUMNS = (
    "particle_id",
    "centroid_x_nm",
    "centroid_y_nm",
    "area_nm2",
    "equivalent_diameter_nm",
    "feret_max_nm",
    "feret_min_nm",
    "perimeter_nm",
    "circularity",
    "eccentricity",
    "mean_probability",
    "mean_spread",
    "touches_border",
)


def label_particles(
    mask: NDArray[np.bool_],
    pixel_size_nm: float,
    core: NDArray[np.float32] | None = None,
    *,
    min_area_nm2: float = 0.0,
    smallest_share: float = 0.0,
    exclude_border: bool = False,
) -> NDArray[np.int32]:
    """Number the particles of a mask.

    Parameters
    ----------
    mask : (H, W) bool
        True on particles.
    pixel_size_nm : float
        Edge of a pixel [nm].
    core : (H, W) float32, optional
        Probability of a particle's core, by which particles that touch are separated.
    min_area_nm2 : float
        Particles below this area [nm²] become background.
    smallest_share : float
        So do those below this share of the typical area: `hrtem_shift.networks.cores.particles_of`.
    exclude_border : bool
        Whether particles that touch the border become background, too.

    Returns
    -------
    (H, W) int32
        0 on background, else 1, 2, ... in the order of the first pixels, row by row. Pixels
        are connected by sides or corners: without `core`, touching particles are one.
    """
    smallest_px = min_area_nm2 / pixel_size_nm**2
    ids = particles_of(mask, core, smallest_px=smallest_px, smallest_share=smallest_share)
    if not exclude_border:
        return ids
    keep = np.ones(ids.max() + 1, bool)
    keep[[0, *_at_border(ids)]] = False
    return np.where(keep, np.cumsum(keep), 0).astype(np.int32)[ids]


def measure_particles(
    labels: NDArray[np.int32],
    probability: NDArray[np.float32],
    spread: NDArray[np.float32] | None,
    pixel_size_nm: float,
) -> pd.DataFrame:
    """Measure every particle.

    Parameters
    ----------
    labels : (H, W) int32
        From `label_particles`.
    probability, spread : (H, W) float32
        Of the ensemble; a spread of None gives NaN.
    pixel_size_nm : float
        Edge of a pixel [nm].

    Returns
    -------
    DataFrame
        `COLUMNS`, one row a particle. Centroids from the centre of the top left pixel, x to the
        right and y down; equivalent diameter of the circle of equal area; largest and smallest
        distance of two parallel lines that enclose the particle (Feret), of its outline half
        way between pixels; circularity 4 pi area / perimeter², at most 1; eccentricity of the
        ellipse of equal second moments. Names follow ISO 9276-6 in words.
    """
    spacing = (pixel_size_nm, pixel_size_nm)
    names = ("centroid", "area", "equivalent_diameter_area", "perimeter", "eccentricity", "image")
    properties = regionprops_table(labels, properties=("label", *names), spacing=spacing)
    area, perimeter = properties["area"], properties["perimeter"]
    ferets = [_feret_px(image) for image in properties["image"]]
    largest, smallest = np.array(ferets, np.float64).reshape(-1, 2).T * pixel_size_nm
    with np.errstate(divide="ignore", invalid="ignore"):
        circularity = np.where(perimeter > 0, np.minimum(4 * np.pi * area / perimeter**2, 1), 1)
    unknown = np.full(len(area), np.nan)
    columns = (
        properties["label"],
        properties["centroid-1"],
        properties["centroid-0"],
        area,
        properties["equivalent_diameter_area"],
        largest,
        smallest,
        perimeter,
        circularity,
        properties["eccentricity"],
        _means(labels, probability),
        unknown if spread is None else _means(labels, spread),
        np.isin(properties["label"], _at_border(labels)),
    )
    return pd.DataFrame(dict(zip(COLUMNS, columns, strict=True)))


def summarise_sizes(particles: pd.DataFrame) -> dict[str, float]:
    """Number of particles, and diameters of those that the border does not cut.

    Parameters
    ----------
    particles : DataFrame
        From `measure_particles`.

    Returns
    -------
    dict
        ``n_particles``; ``n_at_border``, whose size is not known (Bresch et al.,
        Nanomaterials 12, 2238, 2022; ISO 21363:2020); of the others mean, standard deviation
        (ddof 1) and the 10, 50 and 90 % points by number of the equivalent diameter [nm]; NaN
        where there are too few.
    """
    cut = particles["touches_border"].astype(bool)
    diameters = particles.loc[~cut, "equivalent_diameter_nm"]
    return {
        "n_particles": len(particles),
        "n_at_border": int(cut.sum()),
        "mean_diameter_nm": float(diameters.mean()),
        "std_diameter_nm": float(diameters.std(ddof=1)),
        **{f"d{p}_diameter_nm": float(diameters.quantile(p / 100)) for p in (10, 50, 90)},
    }


def _at_border(labels: NDArray[np.int32]) -> NDArray[np.int32]:
    edges = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    return np.setdiff1d(edges, [0])


def _means(labels: NDArray[np.int32], values: NDArray[np.float32]) -> NDArray[np.float64]:
    """Mean of some values over each particle."""
    n = np.bincount(labels.ravel())[1:]
    return np.bincount(labels.ravel(), values.ravel())[1:] / np.maximum(n, 1)


def _feret_px(image: NDArray[np.bool_]) -> tuple[float, float]:
    """Largest and smallest Feret diameter of the convex hull of a particle's outline."""
    from scipy.spatial import ConvexHull
    from scipy.spatial.distance import pdist

    outline = np.concatenate(find_contours(np.pad(image, 1).astype(np.float32), 0.5))
    corners = outline[ConvexHull(outline).vertices]
    edges = np.roll(corners, -1, axis=0) - corners
    normals = np.stack([-edges[:, 1], edges[:, 0]], axis=1)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    # The narrowest enclosing strip lies along an edge (Shamos 1978).
    widths = np.ptp(corners @ normals.T, axis=0)
    return float(pdist(corners).max()), float(widths.min())
