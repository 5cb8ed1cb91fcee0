"""Typed parameter blocks: a misspelt name or a value out of range stops a run before it starts."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from hrtem_shift.errors import InputError


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


def faults_of(name: str, block: Any, kind: type[ParameterBlock]) -> list[InputError]:
    """What is wrong with a block of parameters, one error a parameter.

    Parameters
    ----------
    name : str
        Name of the block, such as ``dose_study``.
    block : Any
        What the parameter files and ``--params`` say.
    kind : type
        What it must be.
    """
    try:
        kind.model_validate(block)
    except ValidationError as error:
        return [_fault(name, detail) for detail in error.errors()]
    return []


def _fault(name: str, detail: Any) -> InputError:
    message = str(detail["msg"]).removeprefix("Value error, ")
    given = detail["input"]
    if detail["type"] == "missing":
        message = "it is missing"
    elif not isinstance(given, dict | BaseModel):
        message = f"{message[:1].lower()}{message[1:]}, but it is {given!r}"
    return InputError(
        message,
        where=".".join([name, *(str(part) for part in detail["loc"])]),
        why="A run is not started on a parameter that it cannot mean",
        fix="Correct it in --params or in conf/*/parameters_*.yml, whose comments say what it is",
    )
