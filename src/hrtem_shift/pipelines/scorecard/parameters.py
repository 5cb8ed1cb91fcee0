"""Typed parameters of the scorecard."""

from __future__ import annotations

from typing import Literal

from hrtem_shift.parameters import ParameterBlock


class Scorecard(ParameterBlock):
    """What decides the claims."""

    results: Literal["data", "results"] = "data"
    """``data``: what studies wrote on this machine; ``results``: what is kept in ``results/``."""
