"""Description of a network package, as typed JSON."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from hrtem_shift.networks.architectures import check_architecture
from hrtem_shift.networks.norms import Norm
from hrtem_shift.parameters import ParameterBlock
from hrtem_shift.preparation.patches import Preparation
from hrtem_shift.reliability.estimator import Kernel
from hrtem_shift.reliability.observation import Scaling
from hrtem_shift.reliability.optics import TrainedOptics
from hrtem_shift.reliability.training_domain import TrainingDomain

MAX_MEMBERS = 64


class PackageMember(ParameterBlock):
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

    schema_version: Literal[2, 3] = 3
    name: str = Field(min_length=1, max_length=200)
    made_by: str
    """Program and version."""
    architecture: Literal["residual_unet", "preactivation_unet", "particle_unet"]
    norm: Norm
    preparation: Preparation
    domain: TrainingDomain
    scales: list[Annotated[float, Field(gt=0, le=8)]] = Field(default_factory=list, max_length=8)
    """Scales at which an image is tried, by networks that find it themselves; else empty."""
    members: list[PackageMember] = Field(min_length=1, max_length=MAX_MEMBERS)
    reliability: list[ReliabilityBin]
    """Reliability diagram of probabilities on held-out micrographs."""
    evidence_note: str = Field(default="", max_length=2000)
    """What the micrographs of the evidence are."""
    kernel: Kernel | None = None
    """Regression of expected Dice on the evidence; null where there is too little of it."""
    optics: TrainedOptics | None = None
    """Lenses of training, and what is known of networks under others; null where a study has
    too few conditions to tell."""

    @model_validator(mode="after")
    def _consistent(self) -> Description:
        check_architecture(self.architecture, self.norm)
        files = [member.file for member in self.members]
        if len(set(files)) < len(files):
            raise ValueError("two members are in one file")
        if (self.domain.pixel_size_nm is None) != bool(self.scales):
            raise ValueError("there is either a pixel size of training, or scales to try")
        return self

    @property
    def scaling(self) -> Scaling:
        """At which scales the networks see an image."""
        return Scaling(self.domain.pixel_size_nm, tuple(self.scales))

    @property
    def calibration_error(self) -> float:
        """Expected calibration error: mean distance of probability and frequency, by pixels."""
        n = sum(b.n_pixels for b in self.reliability)
        errors = (
            each.n_pixels * abs(each.probability - each.frequency) for each in self.reliability
        )
        return sum(errors) / n if n else math.nan


def reliability_of(sums: NDArray[np.float64]) -> list[ReliabilityBin]:
    """Bins from sums over pixels: number, probability, on particles; shape (3, bins)."""
    return [
        ReliabilityBin(probability=min(p / n, 1.0), frequency=t / n, n_pixels=int(n))
        for n, p, t in sums.T
        if n
    ]
