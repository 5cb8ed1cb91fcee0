"""Distributions of imaging conditions: a block says what may be drawn, an index what is.

``imaging`` holds what is drawn for each image, ``session`` what a day at the microscope has in
common. Each key is a field of `ImagingConditions`, each value a quantity.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isnan, nan
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, ValidationError, WrapValidator, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from hrtem_shift.microscope.conditions import ImagingConditions
from hrtem_shift.parameters import ParameterBlock, nearest
from hrtem_shift.structures.quantities import Quantity, Sampler, limits, unit_points, value_at

if TYPE_CHECKING:
    import pandas as pd

FIELDS = tuple(ImagingConditions.model_fields)


def _one_fault(given: Any, parse: Callable[[Any], Any]) -> Any:
    """Parse a quantity; report what is wrong once, not once for each kind of quantity."""
    try:
        return parse(given)
    except ValidationError as error:
        raise ValueError(error.errors()[0]["msg"].removeprefix("Value error, ")) from error


ConditionQuantity = Annotated[Quantity | None, WrapValidator(_one_fault)]
"""null stands where a condition may be absent, such as ``absorption_length_nm``."""


class ImagingDistribution(ParameterBlock):
    """What the conditions of images are drawn from."""

    imaging: dict[str, ConditionQuantity]
    """Drawn for each image."""
    session: dict[str, ConditionQuantity] = Field(default_factory=dict)
    """Drawn once a session."""
    imaging_sampler: Sampler = "independent"

    @model_validator(mode="after")
    def _possible(self) -> ImagingDistribution:
        faults = self.faults()
        if faults:
            raise ValidationError.from_exception_data("parameters", faults)
        return self

    def faults(self) -> list[InitErrorDetails]:
        """All that may be drawn and is not among valid `ImagingConditions`."""
        return self._unknown() or [*self._twice(), *self._impossible()]

    def _unknown(self) -> list[InitErrorDetails]:
        return [
            fault_at(f"unknown parameter{nearest(name, FIELDS)}", (place, name), block)
            for place, block in (("imaging", self.imaging), ("session", self.session))
            for name in block
            if name not in FIELDS
        ]

    def _twice(self) -> list[InitErrorDetails]:
        message = "it is drawn for each image in 'imaging' too; give it in one of the two"
        both = [name for name in self.session if name in self.imaging]
        return [fault_at(message, ("session", name), self.session) for name in both]

    def _impossible(self) -> list[InitErrorDetails]:
        given = self.imaging | self.session
        faults: dict[str, InitErrorDetails] = {}
        for end in (0, 1):
            reached = {name: _limits(quantity)[end] for name, quantity in given.items()}
            try:
                ImagingConditions(**reached)
            except ValidationError as error:
                for detail in error.errors():
                    name = str(detail["loc"][0])
                    block = "session" if name in self.session else "imaging"
                    message, value = detail["msg"], given.get(name)
                    if isinstance(value, ParameterBlock):
                        message = f"it goes to {reached[name]:g}, and {message.lower()}"
                    if detail["type"] == "missing":
                        fault = InitErrorDetails(type="missing", loc=(block, name), input=given)
                    else:
                        fault = fault_at(message, (block, name), value)
                    faults.setdefault(name, fault)
        return list(faults.values())


def fault_at(message: str, location: tuple[str | int, ...], given: Any) -> InitErrorDetails:
    """A fault that a validator finds, at its location within the block."""
    kind = PydanticCustomError("impossible", "{message}", {"message": message})
    return InitErrorDetails(type=kind, loc=location, input=given)


def sample_conditions(
    distribution: ImagingDistribution,
    scenes: int,
    images_per_scene: int,
    sessions: int,
    seed: int,
    *address: str | int,
) -> pd.DataFrame:
    """Draw the conditions of every image of a data set, all of an image jointly.

    Parameters
    ----------
    distribution : ImagingDistribution
        Independent rows depend on their own scene and image alone; a Sobol sequence or a
        Latin hypercube runs over all images of the set (and another over its sessions).
    scenes, images_per_scene, sessions : int
        Scenes are dealt out to sessions in order, as evenly as they go.
    seed, *address
        Root seed and the address of the data set.

    Returns
    -------
    DataFrame
        (scenes * images_per_scene) rows: scene, image, session (all from 0), then every
        field of `ImagingConditions`; NaN where one is absent.
    """
    import pandas as pd

    images = scenes * images_per_scene
    table = pd.DataFrame({"scene": range(images), "image": range(images)})
    table["scene"] //= images_per_scene
    table["image"] %= images_per_scene
    table["session"] = table["scene"] * sessions // scenes
    sampler = distribution.imaging_sampler
    blocks = (scenes, images_per_scene) if sampler == "independent" else (1, images)
    drawn = _draw(distribution.imaging, sampler, blocks, seed, *address, "image")
    shared = _draw(distribution.session, sampler, (1, sessions), seed, *address, "session")
    for name, field in ImagingConditions.model_fields.items():
        if name in drawn:
            table[name] = drawn[name]
        elif name in shared:
            table[name] = [shared[name][session] for session in table["session"]]
        else:
            table[name] = nan if field.default is None else field.default
    return table


def conditions_of(row: Mapping[str, Any]) -> ImagingConditions:
    """Conditions of one row of `sample_conditions`; fields that it lacks are off."""
    given = {name: row[name] for name in FIELDS if name in row}
    return ImagingConditions(**{name: None if isnan(v) else v for name, v in given.items()})


def used_fields(images: pd.DataFrame) -> list[str]:
    """Fields of `ImagingConditions` that are on in some row of `sample_conditions`."""
    off = {name: field.default for name, field in ImagingConditions.model_fields.items()}
    return [
        name
        for name, default in off.items()
        if not (images[name].isna() if default is None else images[name] == default).all()
    ]


def _draw(
    quantities: Mapping[str, Any],
    sampler: Sampler,
    blocks: tuple[int, int],
    seed: int,
    *address: str | int,
) -> dict[str, list[float]]:
    """Values of each quantity, (number of blocks) x (rows a block) of them.

    Independent values have an address of their own by name, block and row, so that neither
    another quantity nor another scene changes them.
    """
    number, rows = blocks
    varied = [name for name in FIELDS if isinstance(quantities.get(name), ParameterBlock)]
    jointly: dict[str, Any] = {}
    if varied and sampler != "independent":
        jointly = dict(unit_points(sampler, number * rows, varied, seed, *address))
    values = {}
    for name, quantity in quantities.items():
        if name not in varied:
            values[name] = [nan if quantity is None else quantity] * (number * rows)
            continue
        points = jointly.get(name)
        if points is None:
            points = [
                u
                for block in range(number)
                for u in unit_points(sampler, rows, [name], seed, *address, name, block)[name]
            ]
        values[name] = [value_at(quantity, u) for u in points]
    return values


def _limits(quantity: Any) -> tuple[float | None, float | None]:
    return (None, None) if quantity is None else limits(quantity)
