"""The training domain of a package of networks, as ranges of conditions."""

from __future__ import annotations

import math

from pydantic import Field, model_validator

from hrtem_shift.parameters import ParameterBlock


class Range(ParameterBlock):
    """Lowest and highest value that a network was trained with, above 0."""

    low: float = Field(gt=0)
    high: float = Field(gt=0)

    @model_validator(mode="after")
    def _ordered(self) -> Range:
        if self.low > self.high:
            raise ValueError(f"low = {self.low:g} is above high = {self.high:g}")
        return self

    def nearest(self, value: float) -> float:
        """The value clipped to the range."""
        return min(max(value, self.low), self.high)

    def excess(self, value: float) -> float:
        """Factor by which a value lies outside: 1 within the range, infinite for 0 or less."""
        if value <= 0:
            return math.inf
        return max(self.low / value, value / self.high, 1.0)

    def __str__(self) -> str:
        if self.low == self.high:
            return f"{self.low:.3g}"
        return f"{self.low:.3g} to {self.high:.3g}"


class SignedRange(ParameterBlock):
    """Lowest and highest value of a condition that may have either sign."""

    low: float
    high: float


class TrainingDomain(ParameterBlock):
    """Conditions of the micrographs that all networks of a package were trained on."""

    pixel_size_nm: Range | None
    """null where networks find the scale of an image themselves."""
    dose_e_per_A2: Range | None
    """null where the dose of a training micrograph is not known."""
    conditions: dict[str, SignedRange] = Field(default_factory=dict)
    """Further numeric conditions, such as ``defocus_nm``, with units in the names."""
