"""The generalization matrix of doses: networks trained at each, tested at every one."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from hrtem_shift.figures.doses import dose_label, high_to_low
from hrtem_shift.figures.generalization_matrix import generalization_matrix_figure


def dose_matrix_figure(
    dose_matrix: pd.DataFrame, doses: Mapping[str, float] | None = None
) -> Figure:
    """Draw `generalization_matrix_figure` from high dose to low.

    Parameters
    ----------
    dose_matrix : DataFrame
        Scores, as that function takes them.
    doses : mapping, optional
        Data set to dose [e/Å²]; by default the number that ends the name of the set.
    """
    order = high_to_low([*dose_matrix["train_set"], *dose_matrix["test_set"]], doses)
    labels = {name: dose_label(name, doses) for name in order}
    return generalization_matrix_figure(dose_matrix, labels, order)
