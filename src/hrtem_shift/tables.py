"""Tables as rows: what is done once for each micrograph, network or test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


def rows_of(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of a table as dictionaries by column name."""
    return [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]
