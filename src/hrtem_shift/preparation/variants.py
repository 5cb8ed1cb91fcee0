"""Names of patch sets: a data set, and the variant in which it was prepared."""

from __future__ import annotations


def patch_set_name(data_set: str, variant: str) -> str:
    """Name of the patches of a data set that were prepared in some variant; ``""`` is none."""
    return f"{data_set}@{variant}" if variant else data_set


def set_and_variant(patch_set: str) -> tuple[str, str]:
    """Data set and variant of a `patch_set_name`."""
    data_set, _, variant = patch_set.partition("@")
    return data_set, variant
