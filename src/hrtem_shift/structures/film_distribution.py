"""What the carbon film under a scene's particles may be."""

from __future__ import annotations

from pydantic import ValidationError, model_validator

from hrtem_shift.structures.carbon_film import CarbonFilm
from hrtem_shift.structures.quantities import Quantity, limits


class FilmDistribution(CarbonFilm):
    """A carbon film whose thickness is a quantity; all else is as `CarbonFilm` has it."""

    thickness_nm: Quantity  # type: ignore[assignment]

    @model_validator(mode="after")
    def _possible(self) -> FilmDistribution:
        for thickness_nm in limits(self.thickness_nm):
            try:
                self.film(thickness_nm)
            except ValidationError as error:
                fault = error.errors()[0]
                parameter = ".".join(str(part) for part in fault["loc"])
                message = fault["msg"].removeprefix("Value error, ")
                raise ValueError(f"{parameter}: {message}" if parameter else message) from error
        return self

    def film(self, thickness_nm: float) -> CarbonFilm:
        """The film of one thickness."""
        return CarbonFilm(**{**self.model_dump(), "thickness_nm": thickness_nm})
