"""Published numbers as tables of the form that a study writes.

The published value of a claim is its statistic of these tables.
"""

from __future__ import annotations

import io
from importlib.resources import files

import pandas as pd

from hrtem_shift.scorecard.findings import NO_DATA_SETS, Findings

_PUBLISHED = files("hrtem_shift.scorecard").joinpath("published")


def published_tables(study: str) -> Findings | None:
    """Published tables of a study; None where nothing is printed.

    Returns
    -------
    Findings
        `scores` has two more columns, confidence (``printed``, or ``digitized`` from a figure)
        and source. Most numbers are means over folds, or come from one network.

    References
    ----------
    ScottLabUCB/HRTEM-Generalization, notebooks of noise augmentation, training and
    hyperparameter search; arXiv 2306.11853.
    """
    folder = _PUBLISHED.joinpath(study)
    if not folder.is_dir():
        return None
    tables = {
        file.name.removesuffix(".csv"): pd.read_csv(io.StringIO(file.read_text(encoding="utf-8")))
        for file in folder.iterdir()
    }
    scores = tables.pop("scores")
    return Findings(scores, tables.pop("data_sets", NO_DATA_SETS), tables)
