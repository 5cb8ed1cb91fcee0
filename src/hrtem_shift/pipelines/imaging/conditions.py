"""Conditions of an imaging study: as simulated sets, as lenses, and what their specimen shows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from hrtem_shift.pipelines.imaging.parameters import ImagingStudy
from hrtem_shift.pipelines.simulation.parameters import SimulatedSet, Simulation
from hrtem_shift.structures.quantities import limits, options

if TYPE_CHECKING:
    from hrtem_shift.microscope.conditions import ImagingConditions
    from hrtem_shift.pipelines.annotations import DataFrame
    from hrtem_shift.shift.covariates import Covariates
    from hrtem_shift.shift.information import PhasePower

MEAN_PATH_nm = 3.0
"""Through a sphere of 4.5 nm: two thirds of its diameter."""


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


def conditions_of_images(
    inventory: DataFrame, names: Iterable[str], conditions: dict[str, ImagingConditions]
) -> dict[str, list[ImagingConditions]]:
    """Name of a data set of mixed conditions -> conditions of each of its images."""
    from hrtem_shift.microscope.imaging_distribution import conditions_of
    from hrtem_shift.tables import rows_of

    return {
        name: [
            conditions.get(row["recorded_for"]) or conditions_of(row)
            for row in rows_of(inventory[inventory["data_set"] == name])
        ]
        for name in names
    }


def specimen_phase_power(template: SimulatedSet) -> PhasePower:
    """Phase power of the template's particle."""
    from hrtem_shift.shift.information import crystal_phase_power
    from hrtem_shift.structures.crystals import CRYSTALS

    crystal = CRYSTALS[options(template.scene.particles.material)[0]]
    return crystal_phase_power(crystal, MEAN_PATH_nm, template.multislice.energy_keV)


def _middle(quantity: Any) -> float | None:
    return None if quantity is None else sum(limits(quantity)) / 2


def lattice_planes(template: SimulatedSet, narrowest_nm: float) -> dict[str, float]:
    """Name of lattice planes of the specimen -> spacing, nm."""
    from hrtem_shift.microscope.lattice_planes import strongest_spacings
    from hrtem_shift.structures.crystals import CRYSTALS

    material = options(template.scene.particles.material)[0]
    spacings_nm = strongest_spacings(CRYSTALS[material], narrowest_nm)
    return {f"{material.split('_')[0]} {name}": spacing for name, spacing in spacings_nm.items()}


def study_covariates(
    study: ImagingStudy,
    simulation: Simulation,
    inventory: DataFrame,
    mixtures: DataFrame,
    data_sets: DataFrame,
) -> Covariates:
    """Covariates of every training set and test condition of a study."""
    from hrtem_shift.shift.covariates import build_covariates

    conditions = study_conditions(study, simulation)
    template = simulation.data_sets[study.template]
    mixed = [*study.drawn, *mixtures["mixture"].unique()]
    return build_covariates(
        conditions,
        len(study.trained),
        conditions_of_images(inventory, mixed, conditions),
        data_sets.set_index("data_set"),
        study.measure,
        specimen_phase_power(template),
        template.scene.field_nm / template.multislice.pixels,
    )
