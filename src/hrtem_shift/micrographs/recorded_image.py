"""One recorded image: what a microscope's file holds and states, and nothing guessed."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class RecordedImage:
    """Pixels with what their file states of how they were recorded; None where it is silent.

    Parameters
    ----------
    pixels : ndarray of float32, shape (H, W)
        Intensities as stored; row 0 is the top.
    kind : str
        File format, found in the content: dm3, dm4, dm5, emd (Velox), emd (Berkeley), ser, mrc,
        tif, hspy, zspy, png, jpg, or the suffix of a file that rosettasciio read.
    pixel_size_nm : float, optional
        Edge of a pixel [nm].
    exposure_s : float, optional
        Exposure time [s].
    energy_keV : float, optional
        Energy of the electrons [keV].
    magnification : float, optional
        As indicated by the microscope.
    dose_e_per_A2 : float, optional
        Electrons that the camera counted per area of the specimen [e/Å²].
    sources : dict
        Name of each of these that is known -> where in the file it stands, or 'given'.
    chosen : str
        Which one it is of several images in the file; empty where it is the only one.
    """

    pixels: NDArray[np.float32]
    kind: str
    pixel_size_nm: float | None = None
    exposure_s: float | None = None
    energy_keV: float | None = None
    magnification: float | None = None
    dose_e_per_A2: float | None = None
    sources: dict[str, str] = field(default_factory=dict)
    chosen: str = ""

    @property
    def dose_source(self) -> str:
        """Where the dose comes from; empty where it is not known."""
        return self.sources.get("dose_e_per_A2", "")
