"""Conditions of an imaging study: as simulated sets, as lenses, and what their specimen shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hrtem_shift.pipelines.imaging.parameters import ImagingStudy
from hrtem_shift.pipelines.simulation.parameters import SimulatedSet, Simulation
from hrtem_shift.structures.quantities import limits, options

if TYPE_CHECKING:
    from hrtem_shift.microscope.conditions import ImagingConditions


def under(template: SimulatedSet, condition: dict[str, float]) -> SimulatedSet:
    """The template imaged under a condition."""
    fields = template.model_dump()
    fields["imaging"] |= condition
    return SimulatedSet.model_validate(fields)


def of_material(template: SimulatedSet, material: str) -> SimulatedSet:
    """The template with scenes of its own, of another material."""
    fields = template.model_dump()
    fields["scene"]["particles"]["material"] = [material]
    return SimulatedSet.model_validate({**fields, "scenes_from": None})


def study_conditions(study: ImagingStudy, simulation: Simulation) -> dict[str, ImagingConditions]:
    """Name -> all fields of each condition; what the template draws stands at its middle."""
    from hrtem_shift.microscope.conditions import ImagingConditions

    drawn = simulation.data_sets[study.template].imaging
    common = {name: _middle(quantity) for name, quantity in drawn.items()}
    return {
        name: ImagingConditions(**{**common, **given}) for name, given in study.conditions.items()
    }


def _middle(quantity: Any) -> float | None:
    return None if quantity is None else sum(limits(quantity)) / 2


def lattice_planes(template: SimulatedSet, narrowest_nm: float) -> dict[str, float]:
    """Name of lattice planes of the specimen -> spacing, nm."""
    from hrtem_shift.microscope.lattice_planes import strongest_spacings
    from hrtem_shift.structures.crystals import CRYSTALS

    material = options(template.scene.particles.material)[0]
    spacings_nm = strongest_spacings(CRYSTALS[material], narrowest_nm)
    return {f"{material.split('_')[0]} {name}": spacing for name, spacing in spacings_nm.items()}
