"""Typed parameters of the calibration."""

from __future__ import annotations

from typing import Any

from pydantic import Field, field_validator

from hrtem_shift.microscope.conditions import Blur, Camera, Contrast, ImagingConditions
from hrtem_shift.parameters import ParameterBlock, nearest

AFTER_THE_LENS = {**Contrast.model_fields, **Blur.model_fields, **Camera.model_fields}
"""Conditions that do not change the image of the lens, so that it is computed once."""


class Calibration(ParameterBlock):
    """Which conditions of the referee's simulation are free, and what they are fitted to."""

    folder: str | None = None
    """Real micrographs with masks, a metadata.csv and its column dose_e_per_A2; null: the
    published statistics of 5 nm gold."""
    seed: int = Field(ge=0)
    """Root of the draws, so that the referee's own scenes are not looked at."""
    micrographs: int = Field(ge=1)
    """Simulated micrographs a dose."""
    free: dict[str, tuple[float, float]] = Field(min_length=1)
    """Condition -> lowest and highest value; null: not free."""

    @field_validator("free", mode="before")
    @classmethod
    def _without_nulls(cls, free: Any) -> Any:
        """An environment takes a condition back by null."""
        return {k: v for k, v in free.items() if v is not None} if isinstance(free, dict) else free

    @field_validator("free")
    @classmethod
    def _can_be_free(cls, free: dict[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
        for name, (low, high) in free.items():
            if name not in AFTER_THE_LENS:
                suggestion = nearest(name, AFTER_THE_LENS)
                raise ValueError(f"'{name}' is no condition that can be free{suggestion}")
            if not 0 < low < high:
                raise ValueError(
                    f"the bounds of {name}, {low:g} and {high:g}, are not 0 < low < high"
                )
            for bound in (low, high):
                ImagingConditions.model_validate({"dose_e_per_A2": 1, name: bound})
        return free
