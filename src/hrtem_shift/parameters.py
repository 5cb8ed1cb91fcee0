"""Typed parameter blocks: names and values are checked before a run starts."""

from __future__ import annotations

import re
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from hrtem_shift.errors import InputError


class ParameterBlock(BaseModel):
    """A block of a ``parameters_*.yml`` file; unknown names are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _name_the_nearest(cls, block: Any) -> Any:
        if isinstance(block, dict):
            for key in block:
                if key not in cls.model_fields:
                    raise ValueError(f"unknown parameter '{key}'{nearest(key, cls.model_fields)}")
        return block


def studies_by_name(project: Path) -> dict[str, list[str]]:
    """Studies that parameter files state, and the environments in which they stand.

    A study is a block whose name ends with ``_study``, in any ``conf/*/parameters*.yml``.
    """
    environments: dict[str, set[str]] = {}
    for path in (project / "conf").glob("*/**/parameters*.yml"):
        environment = path.relative_to(project / "conf").parts[0]
        for name in _STUDY_BLOCK.findall(path.read_text(encoding="utf-8")):
            environments.setdefault(name, set()).add(environment)
    return {name: sorted(environments[name]) for name in sorted(environments)}


# Not parsed as YAML: all environments are read at every command.
_STUDY_BLOCK = re.compile(r"^(\w+_study)\s*:", re.MULTILINE)


def nearest(name: Any, valid: Any) -> str:
    """``"; did you mean 'x'?"`` for the closest valid name, else the list of valid names."""
    names = [str(key) for key in valid]
    close = get_close_matches(str(name), names, n=1, cutoff=0.6)
    return f"; did you mean '{close[0]}'?" if close else f"; valid are {', '.join(sorted(names))}"


def faults_of(name: str, block: Any, kind: type[ParameterBlock]) -> list[InputError]:
    """Faults of a block of parameters, one error a parameter.

    Parameters
    ----------
    name : str
        Name of the block, such as ``dose_study``.
    block : Any
        Its values, from the parameter files and ``--params``.
    kind : type
        The class that checks them.
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
        why="Parameters are checked before a run starts",
        fix="Correct it in --params or in conf/*/parameters_*.yml, whose comments explain it",
    )
