"""Nodes that make the noise curves from the scores of the planned networks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hrtem_shift.pipelines.study import Study

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame
else:
    DataFrame = Figure = Any  # Kedro resolves annotations at start; these come with a run


def tabulate_noise_curves(scores: DataFrame, study: Study) -> DataFrame:
    """Mean Dice of the noise study's networks at each rho, on each test set.

    The networks without noise are the first point of both curves.
    """
    import pandas as pd

    from hrtem_shift.evaluation.scoring import mean_and_std

    noise = study.noise
    if noise is None:
        raise ValueError("A study without a noise block has no noise curves")
    mine = scores[
        (scores["train_set"] == noise.train_set)
        & (scores["fold"] == noise.fold)
        & (scores["seed"] < noise.seeds)
    ]
    curves = mean_and_std(mine, ["noise_mode", "rho", "test_set"])
    plain = curves[curves["rho"] == 0].assign(noise_mode="uniform")
    curves = pd.concat([curves, plain]).rename(columns={"noise_mode": "mode"})
    return curves.sort_values(["mode", "rho"], kind="stable", ignore_index=True)


def tabulate_same_set_dice(scores: DataFrame, study: Study) -> DataFrame:
    """Mean Dice of each set's own networks on their own folds: the dotted reference lines."""
    from hrtem_shift.evaluation.scoring import mean_and_std

    own = scores[
        (scores["rho"] == 0)
        & (scores["train_set"] == scores["test_set"])
        & (scores["seed"] < study.seeds)
    ]
    return mean_and_std(own, ["test_set"])


def draw_noise_curves(
    noise_curves: DataFrame, same_set_dice: DataFrame, inventory: DataFrame
) -> Figure:
    """Dice against added noise, for each test set."""
    from hrtem_shift.figures.doses import doses_of
    from hrtem_shift.figures.noise_curves import noise_curves_figure

    return noise_curves_figure(noise_curves, same_set_dice, doses_of(inventory))
