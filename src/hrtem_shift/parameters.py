"""Typed parameter blocks: a misspelt name or a value out of range stops a run before it starts."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator


class ParameterBlock(BaseModel):
    """A block of a ``parameters_*.yml`` file; its fields are all that may stand there."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _name_the_nearest(cls, block: Any) -> Any:
        if isinstance(block, dict):
            for key in block:
                if key not in cls.model_fields:
                    raise ValueError(f"unknown parameter '{key}'{nearest(key, cls.model_fields)}")
        return block


def nearest(name: Any, known: Any) -> str:
    """``"; did you mean 'x'?"`` for the closest known name, else the list of known names."""
    close = get_close_matches(str(name), [str(key) for key in known], n=1, cutoff=0.6)
    if close:
        return f"; did you mean '{close[0]}'?"
    return f"; known are {', '.join(sorted(str(key) for key in known))}"
