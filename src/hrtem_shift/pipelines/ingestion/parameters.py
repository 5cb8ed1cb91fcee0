"""Typed parameters of ingestion: where recorded micrographs are, and what is taken of them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from hrtem_shift.micrographs.selection import Selection
from hrtem_shift.parameters import ParameterBlock


class Ingestion(ParameterBlock):
    """Where a study's recorded micrographs come from."""

    source: str = Field(default="own_images", pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
    """Name of the source; what is fetched goes to data/01_raw/recorded/<source>."""
    layout: Literal["folder", "published_study", "published_patch_sets"] = "folder"
    """A folder with a metadata table, or one that is laid out as the published study's."""
    root: str | None = None
    """Folder that holds the files; null: data/01_raw/recorded/<source>, filled from `base_url`."""
    metadata: str = "metadata.csv"
    """Table, relative to `root` or else to the working folder."""
    metadata_url: str | None = None
    """Where the table comes from when there is no `root`."""
    metadata_sha256: str = ""
    """What that table must be."""
    base_url: str | None = None
    """Where images and masks come from when there is no `root`."""
    allowed_hosts: tuple[str, ...] = ()
    """Servers that may be asked for them."""
    data_sets: dict[str, Selection | None] = Field(default_factory=dict)
    """Data set -> column -> what is wanted; without any, the study's only set takes all rows."""
    split_by: str | None = None
    """Column of the table whose values are data sets: session, dose, operator ...; null: none."""
    faulty: Literal["refuse", "leave_out"] = "refuse"
    """What is done about micrographs that cannot be used; either way each is named."""
