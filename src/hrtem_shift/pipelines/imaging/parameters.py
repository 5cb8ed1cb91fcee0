"""Typed parameters of the imaging study: conditions to train and to test under."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import product
from typing import Any

from pydantic import Field, field_validator, model_validator

from hrtem_shift.microscope.conditions import ImagingConditions
from hrtem_shift.microscope.imaging_distribution import ConditionQuantity
from hrtem_shift.parameters import ParameterBlock, nearest
from hrtem_shift.pipelines.simulation.parameters import SetName
from hrtem_shift.pipelines.study import Study
from hrtem_shift.shift.measure import TransferMeasure
from hrtem_shift.structures.crystals import CRYSTALS

Condition = dict[str, float]
"""Field of `ImagingConditions` -> value; other fields are those of the template."""

TEMPLATE = "imaging"
UNIT = re.compile(r"_(nm|mm|mrad|deg|px|e|e_per_A2)$")


def is_imaging_study(name: str) -> bool:
    """Whether a block of parameters is an imaging study, such as ``gold_imaging_study``."""
    return name.endswith("imaging_study")


class Series(ParameterBlock):
    """Conditions: each value of each quantity with each of the others."""

    vary: dict[str, tuple[float, ...]] = Field(min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _from_short_form(cls, given: Any) -> Any:
        return {"vary": given} if isinstance(given, dict) and "vary" not in given else given

    @field_validator("vary", mode="before")
    @classmethod
    def _single_values(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        return {
            name: value if isinstance(value, list) else [value] for name, value in given.items()
        }

    @model_validator(mode="after")
    def _known(self) -> Series:
        _check_names(self.vary)
        return self

    def conditions(self) -> list[Condition]:
        """All of them, the last quantity varying fastest."""
        return [
            dict(zip(self.vary, values, strict=True)) for values in product(*self.vary.values())
        ]


class Design(ParameterBlock):
    """A mixture of conditions for a budget of images, proposed by directed coverage."""

    images: int = Field(ge=1)
    """Budget."""
    least_images: int = Field(ge=1)
    """Images of a condition below which it is not learnt."""


class ImagingStudy(Study):
    """Networks trained under one condition or many, tested under all."""

    template: str = TEMPLATE
    """Simulated set whose scenes are imaged under every condition."""
    train: list[Series] = Field(min_length=1)
    """Conditions that networks are trained under."""
    unseen: list[Series] = Field(default_factory=list)
    """Conditions that are tested under only."""
    distributions: dict[SetName, dict[str, ConditionQuantity]] = Field(default_factory=dict)
    """Name -> what is drawn anew for each scene: training sets of mixed conditions, as a user's
    are; other fields are those of the template."""
    structures: list[str] = Field(default_factory=list)
    """Materials for the control: other lattices under one condition."""
    control: Condition = Field(default_factory=dict)
    """That condition; one that is trained under."""
    design: Design | None = None
    """Mixtures to train on, beside single conditions."""
    measure: TransferMeasure = TransferMeasure()
    """Band and weight of the measure, fixed before any score is seen."""

    @model_validator(mode="before")
    @classmethod
    def _name_the_sets(cls, block: Any) -> Any:
        """Data sets are made of conditions, not stated."""
        if not isinstance(block, dict) or "train" not in block:
            return block
        try:
            train, unseen = (
                [Series.model_validate(series) for series in block.get(key) or []]
                for key in ("train", "unseen")
            )
        except (TypeError, ValueError):
            return block  # pydantic reports it field by field
        template = str(block.get("template", TEMPLATE))
        trained = [name_of(condition, template) for condition in _conditions(train)]
        every = [name_of(condition, template) for condition in _conditions(unseen)]
        tested = [name for name in every if name not in trained]
        structures = [f"{template}.{name}" for name in block.get("structures") or []]
        mixtures = list(MIXTURES) if block.get("design") else []
        drawn = [f"{template}.{name}" for name in block.get("distributions") or {}]
        names = {"data_sets": [*trained, *structures, *drawn, *mixtures], "test_sets": tested}
        return {**block, "train": train, "unseen": unseen, **names}

    @model_validator(mode="after")
    def _possible(self) -> ImagingStudy:
        for name in self.structures:
            if name not in CRYSTALS:
                raise ValueError(f"there is no material '{name}'{nearest(name, CRYSTALS)}")
        control = name_of(self.control, self.template)
        if self.structures and control not in self.trained:
            raise ValueError(
                f"control {control} is none of the conditions trained under"
                f"{nearest(control, self.trained)}"
            )
        for fields in self.distributions.values():
            _check_names(fields)
        repeated = len(self.data_sets) - len(set(self.data_sets))
        if repeated:
            raise ValueError(f"{repeated} data sets have the name of another")
        if self.noise or self.variants:
            raise ValueError("an imaging study has neither noise nor variants")
        return self

    @property
    def trained(self) -> dict[str, Condition]:
        """Name -> condition, of those trained under."""
        return {name_of(each, self.template): each for each in _conditions(self.train)}

    @property
    def conditions(self) -> dict[str, Condition]:
        """Name -> condition, of all; those trained under come first."""
        unseen = {name_of(each, self.template): each for each in _conditions(self.unseen)}
        return self.trained | unseen

    @property
    def drawn(self) -> dict[str, dict[str, Any]]:
        """Name of the data set -> what is drawn for each of its scenes."""
        return {f"{self.template}.{name}": each for name, each in self.distributions.items()}

    @property
    def lattices(self) -> dict[str, str]:
        """Name of the data set -> material, of the control."""
        return {f"{self.template}.{material}": material for material in self.structures}


MIXTURES = ("mixture_proposed", "mixture_even")
"""The mixture of the largest directed coverage, and an even one of as many conditions."""


def _check_names(fields: Iterable[str]) -> None:
    for name in fields:
        if name not in ImagingConditions.model_fields:
            suggestion = nearest(name, ImagingConditions.model_fields)
            raise ValueError(f"there is no condition '{name}'{suggestion}")


def _conditions(series: Iterable[Series]) -> list[Condition]:
    return [condition for each in series for condition in each.conditions()]


def name_of(condition: Mapping[str, float], template: str) -> str:
    """Name of a condition's data set: ``imaging.defocus_10_cs_0.6``."""
    parts = [f"{UNIT.sub('', field)}_{value:g}" for field, value in condition.items()]
    return f"{template}.{'_'.join(parts)}"


def label_of(condition: Mapping[str, float]) -> str:
    """Display name of a condition: ``defocus 10 nm, cs 0.6 mm``."""
    parts = []
    for field, value in condition.items():
        unit = UNIT.search(field)
        words = UNIT.sub("", field).replace("_", " ")
        parts.append(f"{words} {value:g}{' ' + unit.group(1) if unit else ''}".replace("-", "−"))
    return ", ".join(parts).replace(" e_per_A2", " e/Å²")
