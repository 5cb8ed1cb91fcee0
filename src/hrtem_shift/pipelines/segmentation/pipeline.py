"""The segmentation pipeline."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from hrtem_shift.pipelines.composition import compose
from hrtem_shift.pipelines.segmentation.nodes import draw_sizes, list_images, segment_listed
from hrtem_shift.pipelines.stores import filling, segmentation_results


def create_pipeline() -> Pipeline:
    """Images and a network package -> masks, sizes and a verdict on each image."""
    parts = Pipeline(
        [
            Node(
                list_images,
                inputs="params:segmentation",
                outputs="images",
                name="list_images",
            ),
            Node(
                filling(segment_listed, results=segmentation_results),
                inputs=[
                    "images",
                    "params:segmentation",
                    "params:compute",
                    "params:stores.segmentation",
                ],
                outputs=["summary", "particles", "results"],
                name="segment_images",
            ),
            Node(draw_sizes, inputs="particles", outputs="sizes_figure", name="draw_sizes"),
        ]
    )
    return compose("segmentation", {"": parts})
