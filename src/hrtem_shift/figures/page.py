"""HTML pages from templates: escaped, without a date, and without external loads."""

from __future__ import annotations

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined


def render_page(template: str, **values: Any) -> str:
    """Fill a template of this folder.

    Parameters
    ----------
    template : str
        File name; it extends ``page.html``, which holds the style and a content security
        policy that forbids any load from outside, or ``findings.html``, which adds what any
        page of results has: answer, limits, and how to run it again.
    **values : Any
        Values of the template. All texts are escaped.

    Returns
    -------
    str
        HTML; the same values give the same page.
    """
    return _environment().get_template(template).render(**values)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("hrtem_shift", "figures"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["unbroken"] = _unbroken
    return environment


def _unbroken(text: str) -> str:
    """No line break inside ``0.90 ± 0.01`` or ``n = 5``."""
    for sign in "±=≥≤":
        text = text.replace(f" {sign} ", f"\N{NO-BREAK SPACE}{sign}\N{NO-BREAK SPACE}")
    return text
