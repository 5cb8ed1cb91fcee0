"""Settings of the multislice algorithm, as a parameter block."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator

from hrtem_shift.microscope.scattering import Parametrization
from hrtem_shift.parameters import ParameterBlock, nearest
from hrtem_shift.structures.elements import SYMBOLS

Displacement = Annotated[float, Field(ge=0, le=0.1)]


class MultisliceSettings(ParameterBlock):
    """How exit waves are computed."""

    energy_keV: float = Field(default=300, ge=1, le=3000)
    pixels: int = Field(default=512, ge=16)  # along each edge of the field; even
    slice_thickness_nm: float = Field(default=0.2, gt=0)
    oversampling: int = Field(default=1, ge=1, le=8)  # finer pixels while the wave is computed
    parametrization: Parametrization = "lobato"
    beam_tilt_x_mrad: float = Field(default=0.0, ge=-50, le=50)  # +: towards +x on the way
    beam_tilt_y_mrad: float = Field(default=0.0, ge=-50, le=50)
    phonon_configurations: int = Field(default=0, ge=0)  # 0: atoms at rest
    # By symbol, along one axis; elements that are not given are taken from phonons.py.
    displacement_std_nm: dict[str, Displacement] = Field(default_factory=dict)

    @field_validator("pixels")
    @classmethod
    def _even(cls, pixels: int) -> int:
        if pixels % 2:
            raise ValueError(f"{pixels} is odd; the transforms need an even number of pixels")
        return pixels

    @field_validator("displacement_std_nm")
    @classmethod
    def _of_elements(cls, given: dict[str, float]) -> dict[str, float]:
        for symbol in given:
            if symbol not in SYMBOLS:
                raise ValueError(f"no element '{symbol}'{nearest(symbol.capitalize(), SYMBOLS)}")
        return given
