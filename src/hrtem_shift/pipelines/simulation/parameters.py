"""Typed parameters of the simulation: a common block, and data sets that state what differs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, StringConstraints, ValidationError, model_validator
from pydantic_core import InitErrorDetails

from hrtem_shift.errors import InputError
from hrtem_shift.micrographs.labels import LabelRule
from hrtem_shift.microscope.imaging import Coherence
from hrtem_shift.microscope.imaging_distribution import ImagingDistribution, fault_at
from hrtem_shift.microscope.limits import check_box
from hrtem_shift.microscope.phonons import displacements_std_nm
from hrtem_shift.microscope.settings import MultisliceSettings
from hrtem_shift.parameters import ParameterBlock, nearest
from hrtem_shift.structures.scene_distribution import SceneDistribution

SetName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
"""It is a folder's name."""


class SimulatedSet(ImagingDistribution):
    """One data set: scenes, their exit waves, and the images of each."""

    scenes: int = Field(ge=1)
    scenes_from: str | None = None
    """Sets that name the same source have the same scenes; null: scenes of its own."""
    scene: SceneDistribution
    multislice: MultisliceSettings
    images_per_scene: int = Field(default=1, ge=1)
    sessions: int = Field(default=1, ge=1)
    """Scenes are dealt out to so many sessions, in order."""
    coherence: Coherence = "quasi_coherent"
    """Envelopes damp the wave, or intensities are averaged over focus and tilt."""
    zero_defocus: Literal["exit_plane", "minimum_contrast"] = "exit_plane"
    """Where defocus counts from."""
    label_rule: LabelRule = "outline"
    """How masks are made from particles; see `hrtem_shift.micrographs.labels`."""
    label_smoothing_nm: float = Field(default=0.16, ge=0)
    """Standard deviation, for the rule ``exit_wave_phase``."""

    def faults(self) -> list[InitErrorDetails]:
        """What cannot be drawn, computed or dealt out."""
        faults = super().faults()
        size_nm = (self.scene.field_nm, self.scene.field_nm, self.scene.least_height_nm())
        try:
            check_box(size_nm, self.multislice)
            if self.multislice.phonon_configurations:
                displacements_std_nm(
                    np.array(self.scene.elements), self.multislice.displacement_std_nm
                )
        except InputError as error:
            message = f"{error.what}. {error.why}. {error.fix}"
            faults.append(fault_at(message, tuple(error.where.split(".")), self.multislice))
        if self.sessions > self.scenes:
            message = f"{self.sessions} sessions share {self.scenes} scenes; each needs one"
            faults.append(fault_at(message, ("sessions",), self.scene))
        return faults


class Simulation(ParameterBlock):
    """Everything that decides the simulated data sets.

    Beside the fields here the block may hold any field of `SimulatedSet`: what a data set does
    not state is taken from there. ``scene`` and ``multislice`` are merged to their last
    parameter, ``imaging`` and ``session`` by quantity; a set that is null is left out.
    """

    seed: int = Field(ge=0)
    only: str = "*"
    """Sets to simulate, as a pattern of their names: ``dose_*``; others are ignored."""
    data_sets: dict[SetName, SimulatedSet] = Field(min_length=1)

    @model_validator(mode="wrap")
    @classmethod
    def _merged(cls, given: Any, build: Callable[[Any], Simulation]) -> Simulation:
        if not isinstance(given, dict):
            return build(given)
        possible = {**cls.model_fields, **SimulatedSet.model_fields}
        for name in given:
            if name not in possible:
                raise ValueError(f"unknown parameter '{name}'{nearest(name, possible)}")
        common = {name: value for name, value in given.items() if name not in cls.model_fields}
        fields = {name: value for name, value in given.items() if name in cls.model_fields}
        sets = fields.get("data_sets")
        if isinstance(sets, dict):
            fields["data_sets"] = {
                name: merged(common, block) if isinstance(block, Mapping) else block
                for name, block in sets.items()
                if block is not None and fnmatchcase(str(name), str(fields.get("only", "*")))
            }
            if sets and not fields["data_sets"]:
                only = fields.get("only", "*")
                raise ValueError(f"no data set is called '{only}'{nearest('', sets)}")
        try:
            built = build(fields)
        except ValidationError as error:
            raise ValidationError.from_exception_data("simulation", _placed(error, sets)) from error
        _check_common(common)
        return built


def _check_common(common: Mapping[str, Any]) -> None:
    """Raise `ValidationError` for an impossible common quantity, even if no set uses it."""
    imaging, session = (dict(common.get(block) or {}) for block in ("imaging", "session"))
    if "dose_e_per_A2" not in session:
        imaging.setdefault("dose_e_per_A2", 1)  # sets may all state their own
    ImagingDistribution(imaging=imaging, session=session)


def merged(common: Mapping[str, Any], block: Mapping[str, Any]) -> dict[str, Any]:
    """A data set's own parameters over the common ones.

    A quantity that a set gives in ``session`` leaves the common ``imaging``, and the other way
    round.
    """
    whole = _over(common, block)
    for here, there in (("imaging", "session"), ("session", "imaging")):
        moved, shared = block.get(here), common.get(there)
        if isinstance(moved, Mapping) and isinstance(shared, Mapping):
            kept = block.get(there) or {}
            gone = set(moved) & set(shared) - set(kept)
            whole[there] = {k: v for k, v in whole[there].items() if k not in gone}
    return whole


def _over(below: Any, above: Any) -> Any:
    """Mappings are merged, anything else is replaced."""
    if not (isinstance(below, Mapping) and isinstance(above, Mapping)):
        return above
    shared = {name: _over(below[name], above[name]) for name in above if name in below}
    return {**below, **above, **shared}


def _placed(error: ValidationError, sets: Any) -> list[InitErrorDetails]:
    """Each fault once, where it was given: in a set, or else in the common block."""
    same: dict[tuple[Any, ...], list[str]] = {}
    first: dict[tuple[Any, ...], Any] = {}
    for detail in error.errors():
        place, name = detail["loc"], ""
        if place[0] == "data_sets" and len(place) > 2 and place[2] != "[key]":
            name, place = str(place[1]), place[2:]
        same.setdefault((place, detail["msg"]), []).append(name)
        first.setdefault((place, detail["msg"]), detail)
    placed = []
    for (place, message), names in same.items():
        given, kind = first[place, message]["input"], first[place, message]["type"]
        if all(name and _gives(sets[name], place) for name in names):
            message += f" (so in {len(names)} data sets)" if names[1:] else ""
            place = ("data_sets", names[0], *place)
        if kind == "missing":
            placed.append(InitErrorDetails(type="missing", loc=place, input=given))
        else:
            placed.append(fault_at(message, place, given))
    return placed


def _gives(block: Any, place: tuple[int | str, ...]) -> bool:
    """Whether a set's own block has something at this place."""
    for name in place:
        if not isinstance(block, Mapping):
            return True
        if name not in block:
            return False
        block = block[name]
    return True
