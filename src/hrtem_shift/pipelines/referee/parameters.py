"""Typed parameters of the referee."""

from __future__ import annotations

from pydantic import Field, field_validator, model_validator

from hrtem_shift.parameters import ParameterBlock
from hrtem_shift.pipelines.simulation.parameters import SimulatedSet, Simulation
from hrtem_shift.preparation.patches import Preparation


class Referee(ParameterBlock):
    """Simulated test sets that copy real ones, and the networks that judge them."""

    networks: str | None = None
    """Folder of the published weight files."""
    scenes_across: int = Field(default=4, ge=1)
    """A micrograph is a square of so many scenes along its edge."""
    preparation: Preparation
    simulation: Simulation
    """Its sets are named by their doses [e/Å²]; conditions are drawn for each micrograph."""

    @field_validator("simulation")
    @classmethod
    def _named_by_doses(cls, simulation: Simulation) -> Simulation:
        for name, simulated in simulation.data_sets.items():
            try:
                agrees = float(name) == simulated.imaging.get("dose_e_per_A2")
            except ValueError:
                agrees = False
            if not agrees:
                raise ValueError(
                    f"data set '{name}' is not named by its imaging.dose_e_per_A2, one number"
                )
        return simulation

    @model_validator(mode="after")
    def _fills_micrographs(self) -> Referee:
        for name, simulated in self.simulation.data_sets.items():
            if simulated.scenes % self.scenes_across**2:
                raise ValueError(
                    f"{simulated.scenes} scenes of data set '{name}' do not fill micrographs of "
                    f"{self.scenes_across} x {self.scenes_across} scenes"
                )
            if simulated.multislice.pixels % self.preparation.patch_px:
                raise ValueError(
                    f"scenes of {simulated.multislice.pixels} px are not cut into whole patches of "
                    f"{self.preparation.patch_px} px; a patch may not lie on two scenes"
                )
        return self

    def micrographs(self, simulated: SimulatedSet) -> int:
        """Number of micrographs that the scenes of a set make."""
        return simulated.scenes // self.scenes_across**2
