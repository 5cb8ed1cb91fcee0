"""Image and metadata of a microscope file; nothing is guessed."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class RecordedImage:
    """Pixels, and what their file states of the recording; None where it states nothing.

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
        Name of each of these that is not None -> field of the file, or 'given'.
    chosen : str
        Which of several images of the file this is; empty for the only one.
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
        """Field that states the dose; empty if none does."""
        return self.sources.get("dose_e_per_A2", "")
