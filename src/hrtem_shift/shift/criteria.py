"""Criteria, fixed beforehand, for the claim that overlap of transfers predicts generalization.

The claim holds only if all of these hold: (1) the median correlation within rows of overlap and
score is at least 0.7 over conditions not trained on; (2) its interval lies above that of the
plain difference of defocus; (3) relabelled conditions do as well with p < 0.01; (4) where only
the structure changes and the transfer does not, overlap explains nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binomtest

from hrtem_shift.seeds import generator_at
from hrtem_shift.shift.baselines import DEFOCUS_DISTANCE
from hrtem_shift.shift.isotonic import isotonic_r_squared
from hrtem_shift.shift.rank_correlation import (
    RESAMPLES,
    Estimate,
    MantelTest,
    bootstrap_medians,
    mantel_test,
    median_row,
    pooled,
    pooled_without_row_effects,
    two_way_bootstrap,
    within_rows,
)

if TYPE_CHECKING:
    import pandas as pd

LEAST_CORRELATION, LARGEST_P = 0.7, 0.01
Answer = Literal["holds", "fails", "not tested"]


class StructureControl(NamedTuple):
    """Negative control: networks trained and tested on different structures, under one transfer.

    Attributes
    ----------
    correlation : Estimate
        Of overlap and score within rows; 0 where all overlaps are equal.
    loss : Estimate
        Mean score on the own structure minus that on other structures.
    spurious : bool
        Overlap correlates with these scores, although it should not.
    unexplained_loss : bool
        There is a loss, and overlap does not explain it.
    """

    correlation: Estimate
    loss: Estimate
    spurious: bool
    unexplained_loss: bool


@dataclass(frozen=True, eq=False)
class Conclusion:
    """Result of the criteria.

    Attributes
    ----------
    claim : bool
        Whether all criteria hold.
    criteria : DataFrame
        criterion, statistic, low, high, threshold, verdict.
    sentences : tuple of str
        The same in words.
    """

    claim: bool
    criteria: pd.DataFrame
    sentences: tuple[str, ...]


def structure_control(overlap: ArrayLike, scores: ArrayLike, *, seed: int) -> StructureControl:
    """Evaluate the negative control.

    Parameters
    ----------
    overlap, scores : array_like, shape (M, M)
        Of M structures; the diagonal is trained and tested on the same one.
    seed : int
        Root seed of the bootstrap.

    Returns
    -------
    StructureControl
    """
    y = np.asarray(scores, dtype=np.float64)
    others = ~np.eye(len(y), dtype=bool)
    correlation = two_way_bootstrap(overlap, np.where(others, y, np.nan), seed=seed)
    loss = _mean_loss(np.where(others, np.diag(y)[:, None] - y, np.nan), seed)
    spurious = correlation.value >= LEAST_CORRELATION or correlation.low > 0
    return StructureControl(correlation, loss, spurious, loss.low > 0 and not spurious)


def compare_measures(
    similarities: Mapping[str, NDArray[np.float64]],
    scores: ArrayLike,
    *,
    seed: int,
    reference: str = DEFOCUS_DISTANCE,
) -> pd.DataFrame:
    """All measures of similarity on the same cells and the same bootstrap draws.

    Parameters
    ----------
    similarities : mapping
        Name -> array, shape (R, C).
    scores : array_like, shape (R, C)
        NaN for cells to leave out, such as those of the training condition.
    seed : int
        Root seed of the bootstrap.
    reference : str
        Name of the similarity to compare with.

    Returns
    -------
    DataFrame
        One row a measure: within_rows (median), low, high (two-way bootstrap); gain,
        gain_low, gain_high (difference to the reference, draw by draw); worst_row, best_row;
        undefined_rows; pooled; pooled_without_row_effects; r2_in_sample,
        r2_rows_held_out, r2_columns_held_out (isotonic fit); n_cells.
    """
    import pandas as pd

    y = np.asarray(scores, dtype=np.float64)
    draws = {name: bootstrap_medians(x, y, seed=seed) for name, x in similarities.items()}
    by_row = {name: within_rows(x, y) for name, x in similarities.items()}
    medians = {name: median_row(rows) for name, rows in by_row.items()}
    rows = []
    for name, x in similarities.items():
        low, high = np.quantile(draws[name], [0.025, 0.975])
        gain_low, gain_high = np.quantile(draws[name] - draws[reference], [0.025, 0.975])
        rows.append(
            {
                "measure": name,
                "within_rows": medians[name],
                "low": low,
                "high": high,
                "gain": medians[name] - medians[reference],
                "gain_low": gain_low,
                "gain_high": gain_high,
                "worst_row": _or_nan(np.min, by_row[name]),
                "best_row": _or_nan(np.max, by_row[name]),
                "undefined_rows": int(np.isnan(by_row[name]).sum()),
                "pooled": pooled(x, y),
                "pooled_without_row_effects": pooled_without_row_effects(x, y),
                **{f"r2_{key}": v for key, v in isotonic_r_squared(x, y)._asdict().items()},
                "n_cells": int((np.isfinite(x) & np.isfinite(y)).sum()),
            }
        )
    return pd.DataFrame(rows)


def _or_nan(of: Callable[[NDArray[np.float64]], float], correlations: NDArray[np.float64]) -> float:
    defined = correlations[np.isfinite(correlations)]
    return float(of(defined)) if len(defined) else float("nan")


def apply_criteria(
    overlap: NDArray[np.float64],
    defocus_similarity: NDArray[np.float64],
    scores: ArrayLike,
    train: ArrayLike,
    test: ArrayLike,
    control: StructureControl | None,
    *,
    seed: int,
) -> Conclusion:
    """Apply the criteria of this module to a measured matrix.

    Parameters
    ----------
    overlap, defocus_similarity : array, shape (N, N)
        Of all conditions: the measure to test, and minus the difference of defocus.
    scores : array_like, shape (R, C)
        Dice, median over seeds; cells of conditions trained on are not used.
    train, test : array_like of int, shapes (R,) and (C,)
        Condition of each row and column.
    control : StructureControl or None
        None where it was not run; then the claim does not hold.
    seed : int
        Root seed.

    Returns
    -------
    Conclusion
    """
    import pandas as pd

    rows, columns = np.asarray(train), np.asarray(test)
    unseen = np.not_equal.outer(rows, columns)
    y = np.where(unseen, np.asarray(scores, dtype=np.float64), np.nan)
    measure, defocus = (
        two_way_bootstrap(similarity[np.ix_(rows, columns)], y, seed=seed)
        for similarity in (overlap, defocus_similarity)
    )
    mantel = mantel_test(overlap, y, rows, columns, seed=seed)
    criteria = [
        _correlates(measure),
        _exceeds(measure, defocus),
        _not_by_chance(mantel),
        _structures_are_not_explained(control),
    ]
    claim = all(criterion["verdict"] == "holds" for criterion in criteria)
    n_cells, n_rows = int(np.isfinite(y).sum()), int(np.isfinite(y).any(axis=1).sum())
    return Conclusion(
        claim,
        pd.DataFrame(criteria),
        (
            _answer(claim, criteria, n_cells, n_rows),
            f"Median correlation within rows: overlap {_text(measure)}, difference of defocus "
            f"{_text(defocus)}.",
            f"Relabelled conditions do as well with p = {mantel.p:.3f} "
            f"({mantel.permutations} permutations).",
            _about(control),
        ),
    )


def _criterion(
    name: str, estimate: Estimate, threshold: str, verdict: Answer
) -> dict[str, str | float]:
    return {
        "criterion": name,
        "statistic": estimate.value,
        "low": estimate.low,
        "high": estimate.high,
        "threshold": threshold,
        "verdict": verdict,
    }


def _correlates(measure: Estimate) -> dict[str, str | float]:
    return _criterion(
        "overlap orders scores within rows",
        measure,
        f">= {LEAST_CORRELATION:g}",
        "holds" if measure.value >= LEAST_CORRELATION else "fails",
    )


def _exceeds(measure: Estimate, defocus: Estimate) -> dict[str, str | float]:
    return _criterion(
        "better than the difference of defocus",
        measure,
        f"low > {defocus.high:.3f}",
        "holds" if measure.low > defocus.high else "fails",
    )


def _not_by_chance(mantel: MantelTest) -> dict[str, str | float]:
    reached = round(mantel.p * (1 + mantel.permutations)) - 1
    interval = binomtest(reached, mantel.permutations).proportion_ci(method="wilson")
    return _criterion(
        "relabelled conditions do worse (Mantel p)",
        Estimate(mantel.p, interval.low, interval.high),
        f"< {LARGEST_P:g}",
        "holds" if mantel.p < LARGEST_P else "fails",
    )


def _structures_are_not_explained(control: StructureControl | None) -> dict[str, str | float]:
    unknown = Estimate(float("nan"), float("nan"), float("nan"))
    verdict: Answer = "not tested"
    if control is not None:
        verdict = "fails" if control.spurious else "holds"
    return _criterion(
        "no spurious success on structures",
        control.correlation if control else unknown,
        f"< {LEAST_CORRELATION:g}, and 0 within the interval",
        verdict,
    )


def _answer(claim: bool, criteria: list[dict[str, str | float]], n_cells: int, n_rows: int) -> str:
    about = f"over {n_cells} cells of {n_rows} training conditions"
    if claim:
        return f"The overlap of transfers predicts how networks do under other conditions, {about}."
    failed = [str(row["criterion"]) for row in criteria if row["verdict"] != "holds"]
    return (
        f"It is not shown that the overlap of transfers predicts how networks do under other "
        f"conditions ({about}). Short of: {'; '.join(failed)}."
    )


def _about(control: StructureControl | None) -> str:
    if control is None:
        return "The control in which only the structure changes was not run."
    loss = f"Another structure under the same transfer costs {_text(control.loss)} Dice"
    if control.spurious:
        return f"{loss}, and overlap orders even these scores: a spurious success."
    if control.unexplained_loss:
        return f"{loss}: a shift that the contrast transfer function does not explain."
    return f"{loss}: no loss is shown, so that the control is weak."


def _text(estimate: Estimate) -> str:
    value, low, high = (round(v, 2) + 0.0 for v in estimate)  # no minus before 0.00
    return f"{value:.2f} [{low:.2f}, {high:.2f}]"


def _mean_loss(loss: NDArray[np.float64], seed: int) -> Estimate:
    """Mean over the cells with a value, with rows and columns resampled."""
    scored = np.isfinite(loss)
    filled = np.where(scored, loss, 0)
    n = len(loss)
    generator = generator_at(seed, "structure loss", n)
    rows, columns = (
        generator.multinomial(n, np.full(n, 1 / n), size=RESAMPLES).astype(float) for _ in range(2)
    )
    counts = ((rows @ scored) * columns).sum(axis=1)
    sums = ((rows @ filled) * columns).sum(axis=1)
    draws = np.divide(sums, counts, out=np.full(RESAMPLES, np.nan), where=counts > 0)
    low, high = np.nanquantile(draws, [0.025, 0.975])
    return Estimate(float(filled.sum() / scored.sum()), float(low), float(high))
