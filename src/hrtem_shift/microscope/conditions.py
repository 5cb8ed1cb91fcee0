"""Everything between an exit wave and one micrograph, as numbers with units in their names.

Blocks without torch, so that a pipeline reads them cheaply. What stands in one block is used
in one module: `Lens` in aberrations.py and imaging.py, `Contrast` and `Blur` in imaging.py,
`Illumination` and `Camera` in detector.py.
"""

from __future__ import annotations

from pydantic import Field

from hrtem_shift.parameters import ParameterBlock


class Aberrations(ParameterBlock):
    """Wave aberration to fifth order, in the polar notation of Krivanek and of abTEM.

    Ultramicroscopy 78 (1999) 1. ``cNM`` has the order N and the M-fold symmetry: the
    magnitude of (alpha^(N+1) / (N+1)) cos M (f - azimuth), where f runs from +x to +y.
    """

    defocus_nm: float = 0.0  # -C10: positive = underfocus
    c12_nm: float = 0.0  # twofold astigmatism
    c12_azimuth_deg: float = 0.0
    c21_nm: float = 0.0  # axial coma
    c21_azimuth_deg: float = 0.0
    c23_nm: float = 0.0  # threefold astigmatism
    c23_azimuth_deg: float = 0.0
    cs_mm: float = 0.0  # C30, spherical
    c32_um: float = 0.0  # star
    c32_azimuth_deg: float = 0.0
    c34_um: float = 0.0  # fourfold astigmatism
    c34_azimuth_deg: float = 0.0
    c41_um: float = 0.0
    c41_azimuth_deg: float = 0.0
    c43_um: float = 0.0
    c43_azimuth_deg: float = 0.0
    c45_um: float = 0.0
    c45_azimuth_deg: float = 0.0
    c50_mm: float = 0.0
    c52_mm: float = 0.0
    c52_azimuth_deg: float = 0.0
    c54_mm: float = 0.0
    c54_azimuth_deg: float = 0.0
    c56_mm: float = 0.0
    c56_azimuth_deg: float = 0.0


class Lens(Aberrations):
    """Aberrations and what limits coherence. Widths are standard deviations."""

    focal_spread_std_nm: float = Field(default=0.0, ge=0)
    illumination_angle_std_mrad: float = Field(default=0.0, ge=0)  # along one axis


class Contrast(ParameterBlock):
    """What the coherent image of a static specimen lacks."""

    interference_contrast: float = Field(default=1.0, ge=0, le=1)  # Stobbs factor
    absorption_length_nm: float | None = Field(default=None, gt=0)  # of the intensity; null: none


class Blur(ParameterBlock):
    """What moves while the exposure lasts."""

    image_spread_std_nm: float = Field(default=0.0, ge=0)  # vibration, along one axis
    drift_x_nm: float = 0.0  # over the whole exposure, at constant speed
    drift_y_nm: float = 0.0


class Illumination(ParameterBlock):
    """The beam on the specimen: a round Gaussian, wider than the field (vignetting)."""

    dose_e_per_A2: float = Field(gt=0)  # mean over the field
    illumination_drop: float = Field(default=0.0, ge=0, lt=1)  # at half the field's diagonal
    illumination_centre_x: float = 0.5  # of the field's width
    illumination_centre_y: float = 0.5


class Camera(ParameterBlock):
    """How electrons become counts.

    Two Gaussian point spread functions: scattering in the scintillator (``scatter_std_px``)
    blurs the image before the shot noise is drawn, the spot of light (``spot_std_px``) blurs
    image and noise after it. Spots are of random strength, which adds noise. Hence
    MTF² = exp(-4 pi² q² (scatter² + spot²)) and DQE = dqe_zero exp(-4 pi² q² scatter²).
    """

    scatter_std_px: float = Field(default=0.0, ge=0)
    spot_std_px: float = Field(default=0.0, ge=0)
    dqe_zero: float = Field(default=1.0, gt=0, le=1)
    read_noise_e: float = Field(default=0.0, ge=0)  # standard deviation a pixel, in electrons
    gain_error_std: float = Field(default=0.0, ge=0)  # left after gain correction, relative
    counts_per_electron: float = Field(default=1.0, gt=0)
    dark_counts: float = 0.0  # left after dark correction
    xrays_per_image: float = Field(default=0.0, ge=0)  # mean number of struck pixels
    xray_counts: float = Field(default=0.0, ge=0)  # mean counts of a strike, exponential


class ImagingConditions(Lens, Contrast, Blur, Illumination, Camera):
    """All of them: one row of the table of images."""
