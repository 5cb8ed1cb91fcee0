"""Nodes that segment a user's images."""

from __future__ import annotations

import logging
from pathlib import Path

from hrtem_shift.errors import InputError
from hrtem_shift.execution.compute import Compute
from hrtem_shift.pipelines.annotations import DataFrame, Figure, SegmentationResults
from hrtem_shift.pipelines.segmentation.parameters import Segmentation
from hrtem_shift.tables import rows_of

logger = logging.getLogger(__name__)


def list_images(segmentation: Segmentation) -> DataFrame:
    """One row an image: its name and its path.

    Raises
    ------
    InputError
        No image is named, or nothing is there by that name.
    """
    import pandas as pd

    from hrtem_shift.segmentation.batch import FILES
    from hrtem_shift.segmentation.inputs import find_images

    if not segmentation.paths:
        raise InputError(
            "no image is named",
            where="parameter segmentation.paths",
            why="Segmentation reads files, patterns and folders",
            fix="Add --params=segmentation.paths=FOLDER to the command",
        )
    images = find_images(segmentation.paths, FILES)
    return pd.DataFrame([{"image": image.name, "path": str(image.path)} for image in images])


def segment_listed(
    images: DataFrame, segmentation: Segmentation, compute: Compute, results: SegmentationResults
) -> tuple[DataFrame, DataFrame]:
    """Segment what is not finished; return a row an image, and a row a particle.

    Raises
    ------
    InputError
        The network package is refused.
    """
    import pandas as pd

    from hrtem_shift.segmentation.batch import PARTICLES, segment_images
    from hrtem_shift.segmentation.inputs import InputImage
    from hrtem_shift.segmentation.shipped import named_package

    result = segment_images(
        [InputImage(row["image"], Path(row["path"])) for row in rows_of(images)],
        named_package(segmentation.network),
        segmentation.options(),
        results.folder,
        compute.torch_device,
    )
    if len(result.failed):
        logger.warning("%d of %d images failed", len(result.failed), len(result.summary))
    return result.summary, pd.read_csv(results.folder / PARTICLES)


def draw_sizes(particles: DataFrame) -> Figure:
    """Sizes of the particles of all images together."""
    from hrtem_shift.figures.size_histogram import size_histogram_figure

    cut = particles["touches_border"].astype(bool)
    title = f"{particles['image'].nunique()} images"
    diameters = particles.loc[~cut, "equivalent_diameter_nm"].to_numpy()
    return size_histogram_figure(diameters, int(cut.sum()), title)
