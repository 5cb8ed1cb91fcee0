"""The rank correlations that shift_metrics.md quotes for the released losses, from the CSV."""

import numpy as np
import pytest
from scipy.stats import spearmanr
from transfer_learning_article import (
    losses,
    main,
    rank_correlations,
    similarities,
    verdict_on_losses,
)

from hrtem_shift.shift.rank_correlation import DIGITS

ROWS = ["-10 nm", "-5 nm", "+0 nm", "+5 nm", "+10 nm"]
POOLED = {
    "abs(delta C1)": -0.72,
    "wave, unsquared": -0.72,
    "rms profile": -0.67,
    "containment of rms profiles": -0.48,
    "jaccard of rms profiles": -0.47,
}
EXTREMES = {  # best and worst row
    "abs(delta C1)": (-0.99, -0.83),
    "wave, unsquared": (-1.0, -0.83),
    "rms profile": (-0.97, -0.64),
    "signed": (-0.64, -0.15),
    "containment of rms profiles": (-0.96, -0.20),
}


@pytest.fixture(scope="module")
def found():
    return rank_correlations()


@pytest.fixture(scope="module")
def attainable():
    """Lowest and highest correlation of each row, by how ties of similarity are broken.

    Overfocus and underfocus by the same amount have equal transfers. The quoted numbers let
    rounding errors of a quadrature rank them.
    """
    table = losses().drop(columns=0.0)
    axes = (table.index.to_numpy(float), table.columns.to_numpy(float))
    ranges = {}
    for name, similarity in similarities(*axes).items():
        rows = zip(np.round(similarity, DIGITS), table.to_numpy(), strict=True)
        ranges[name] = [sorted(_broken(x, y, sign) for sign in (1, -1)) for x, y in rows]
    return ranges


def _broken(similarity, loss, sign):
    ranks = np.empty(len(loss))
    ranks[np.lexsort((sign * loss, similarity))] = np.arange(len(loss))
    return spearmanr(ranks, loss).statistic


def test_the_table_is_the_released_one():
    table = losses()
    assert table.shape == (5, 11)
    assert table.loc[10, -25] == 0.1892
    assert table.loc[-10, 25] == 0.0302


@pytest.mark.parametrize(("name", "quoted"), POOLED.items())
def test_pooled_correlations_are_those_quoted(found, name, quoted):
    assert found.loc[name, "pooled"] == pytest.approx(quoted, abs=0.0051)


def test_rows_without_ties_are_those_quoted(found):
    for name in ("abs(delta C1)", "signed"):
        rows = found.loc[name, ROWS]
        assert (rows.min(), rows.max()) == pytest.approx(EXTREMES[name], abs=0.0051)


@pytest.mark.parametrize("name", EXTREMES)
def test_best_and_worst_rows_are_those_quoted_but_for_ties(attainable, name):
    best, worst = EXTREMES[name]
    lowest, highest = np.transpose(attainable[name])
    assert lowest.min() - 0.0051 <= best <= highest.min() + 0.0051
    assert lowest.max() - 0.0051 <= worst <= highest.max() + 0.0051


def test_magnitude_rows_are_those_quoted_but_for_ties_and_undefined_in_focus(found, attainable):
    quoted = dict(zip(ROWS, (-0.68, -0.95, None, -0.88, -0.71), strict=True))
    assert np.isnan(found.loc["magnitude", "+0 nm"])
    for row, (low, high) in zip(ROWS, attainable["magnitude"], strict=True):
        if quoted[row] is not None:
            assert low - 0.0051 <= quoted[row] <= high + 0.0051


def test_one_command_prints_it(capsys):
    main()
    lines = capsys.readouterr().out.splitlines()
    assert "n = 50 cells" in lines[0]
    assert lines[-4].startswith("It is not shown that the overlap of transfers predicts")
    assert " ".join(lines[2].split()) == "abs(delta C1) -0.72 -0.88 -0.83 -0.90 -0.99 -0.89"


def test_the_verdict_on_a_series_of_defocus_is_a_negative():
    """As section 2 of shift_metrics.md foretells: defocus alone does as well."""
    found = verdict_on_losses()
    assert not found.claim
    verdicts = found.criteria["verdict"].tolist()
    assert verdicts == ["holds", "fails", "holds", "not tested"]
    assert "over 50 cells of 5 training conditions" in found.sentences[0]
