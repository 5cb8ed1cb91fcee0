"""What a user may choose when images are segmented."""

from __future__ import annotations

from pydantic import Field

from hrtem_shift.parameters import ParameterBlock


class SegmentationOptions(ParameterBlock):
    """Choices that decide the result, besides image and network."""

    pixel_size_nm: float | None = Field(default=None, gt=0)
    """Edge of a pixel [nm]; null = what each file states."""
    defocus_nm: float | None = None
    """Defocus of the images [nm], positive = underfocus, where it is known; null = it is not."""
    threshold: float = Field(default=0.5, gt=0, lt=1)
    """A pixel belongs to a particle where its probability is above this."""
    min_area_nm2: float | None = Field(default=None, ge=0)
    """Smaller specks [nm²] are no particles; null = 1 nm², which is a disc of 1.1 nm; with networks
    that find the scale themselves 12 pixels that they saw, and 2 % of the typical area."""
    exclude_border: bool = False
    """Leave out particles that the border cuts; sizes are summarised without them either way."""
    memory_gib: float = Field(default=4.0, gt=0)
    """Memory [GiB] that an image may take by estimate; a larger one is refused beforehand."""
