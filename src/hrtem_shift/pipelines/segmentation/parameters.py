"""Typed parameters of segmentation: which images, by which networks, and how."""

from __future__ import annotations

from typing import Any

from pydantic import Field, field_validator

from hrtem_shift.segmentation.options import SegmentationOptions


class Segmentation(SegmentationOptions):
    """Images that are segmented, and by what."""

    paths: list[str] = Field(default_factory=list)
    """Files, patterns and folders."""
    network: str | None = None
    """Folder of a network package; null = the shipped one."""

    @field_validator("paths", mode="before")
    @classmethod
    def _a_single_one(cls, given: Any) -> Any:
        return [given] if isinstance(given, str) else given

    def options(self) -> SegmentationOptions:
        """What decides the result of an image, besides the network."""
        return SegmentationOptions.model_validate(
            self.model_dump(include=set(SegmentationOptions.model_fields))
        )
