"""The segmentation pipeline."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline, pipeline

from hrtem_shift.pipelines.segmentation.nodes import draw_sizes, list_images, segment_listed


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
                segment_listed,
                inputs=["images", "params:segmentation", "params:compute", "results"],
                outputs=["summary", "particles"],
                name="segment_images",
            ),
            Node(draw_sizes, inputs="particles", outputs="sizes_figure", name="draw_sizes"),
        ]
    )
    return pipeline(
        parts,
        namespace="segmentation",
        parameters={name: name for name in parts.inputs() if name.startswith("params:")},
    )
