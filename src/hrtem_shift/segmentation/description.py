"""What a network package says of itself, as typed JSON."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field, model_validator

from hrtem_shift.networks.architectures import Norm, check_architecture
from hrtem_shift.parameters import ParameterBlock
from hrtem_shift.preparation.patches import Preparation
from hrtem_shift.shift.domain import TrainingDomain as Optics

MOST_MEMBERS = 64


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
        """The value itself, or the end of the range that is closer to it."""
        return min(max(value, self.low), self.high)

    def excess(self, value: float) -> float:
        """Factor by which a value lies outside: 1 within the range, infinite for 0 or less."""
        if value <= 0:
            return math.inf
        return max(self.low / value, value / self.high, 1.0)


class Interval(ParameterBlock):
    """Lowest and highest value of a condition that may have either sign."""

    low: float
    high: float


class TrainingDomain(ParameterBlock):
    """Conditions of the micrographs that all networks of a package were trained on."""

    pixel_size_nm: Range
    dose_e_per_A2: Range | None
    """null where the dose of a training micrograph is not known."""
    conditions: dict[str, Interval] = Field(default_factory=dict)
    """Whatever else is known as numbers, such as ``defocus_nm``: units are in the names."""


class Member(ParameterBlock):
    """One network of the ensemble."""

    file: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*\.safetensors$", max_length=200)
    run_id: str
    train_set: str
    fold: int = Field(ge=0)
    seed: int = Field(ge=0)
    weights: str = Field(pattern=r"^[0-9a-f]{16}$")
    """Fingerprint of the weights, as in the network's record."""


class ReliabilityBin(ParameterBlock):
    """Pixels of similar predicted probability, and how many of them are particle."""

    probability: float = Field(ge=0, le=1)
    """Their mean probability."""
    frequency: float = Field(ge=0, le=1)
    """Share of them that the label calls particle."""
    n_pixels: int = Field(ge=1)


class Description(ParameterBlock):
    """Contents of ``package.json``."""

    schema_version: Literal[1] = 1
    name: str = Field(min_length=1, max_length=200)
    made_by: str
    """Program and version."""
    architecture: Literal["residual_unet", "preactivation_unet"]
    norm: Norm
    preparation: Preparation
    domain: TrainingDomain
    members: list[Member] = Field(min_length=1, max_length=MOST_MEMBERS)
    reliability: list[ReliabilityBin]
    """Of probabilities on micrographs that the network had not seen."""
    optics: Optics | None = None
    """Lenses of training, and what is known of networks under others; null where a study has
    too few conditions to tell."""

    @model_validator(mode="after")
    def _consistent(self) -> Description:
        check_architecture(self.architecture, self.norm)
        files = [member.file for member in self.members]
        if len(set(files)) < len(files):
            raise ValueError("two members are in one file")
        return self

    @property
    def calibration_error(self) -> float:
        """Expected calibration error: mean distance of probability and frequency, by pixels."""
        n = sum(one.n_pixels for one in self.reliability)
        off = (one.n_pixels * abs(one.probability - one.frequency) for one in self.reliability)
        return sum(off) / n if n else math.nan
