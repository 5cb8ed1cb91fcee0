"""Typed parameters of a curation study: a reference, and sets that differ from it in one thing."""

from __future__ import annotations

from typing import Any

from pydantic import Field, model_validator

from hrtem_shift.pipelines.study import Study


def is_curation_study(name: str) -> bool:
    """Whether a block of parameters is a curation study."""
    return name.endswith("curation_study")


class CurationStudy(Study):
    """Networks of databases that differ in one thing, compared with those of a reference."""

    reference: str
    """Set with which every other is compared."""
    factors: dict[str, list[str]] = Field(min_length=1)
    """What is changed -> the sets in which it is."""

    @model_validator(mode="before")
    @classmethod
    def _name_the_sets(cls, block: Any) -> Any:
        """Data sets are those of the factors, after the reference."""
        if not isinstance(block, dict) or not isinstance(block.get("factors"), dict):
            return block
        arms = [name for names in block["factors"].values() for name in names or []]
        return {**block, "data_sets": [block.get("reference"), *arms]}

    @model_validator(mode="after")
    def _each_set_once(self) -> CurationStudy:
        repeated = len(self.data_sets) - len(set(self.data_sets))
        if repeated:
            raise ValueError(f"{repeated} sets stand in two factors, or are the reference")
        if self.noise or self.variants:
            raise ValueError("a curation study has neither noise nor variants")
        if self.recipe.patches_per_epoch is None:
            raise ValueError(
                "recipe.patches_per_epoch is needed: networks of small and large databases make "
                "equally many steps"
            )
        return self
