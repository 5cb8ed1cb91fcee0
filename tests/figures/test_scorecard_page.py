"""The scorecard page: every claim with its numbers, in the right place, escaped."""

import re

import numpy as np
import pandas as pd
import pytest

from hrtem_shift.errors import InputError
from hrtem_shift.figures.scorecard_page import Ruler, scorecard_page

EVIL = "<script>alert('&')</script>"
NAN, INF = float("nan"), float("inf")


def row(**changes):
    given = {
        "claim": "Networks fail at low dose",
        "paper": "arXiv 1",
        "figure": "Fig. 3",
        "statistic": "hard Dice at home minus away",
        "published": 0.45,
        "ours": 0.3,
        "low": 0.25,
        "high": 0.35,
        "n": 5,
        "verdict": "holds",
        "holds_if": "≥ 0.1",
        "holds_from": 0.1,
        "holds_to": INF,
        "drawn": "fold",
        "confidence": "printed",
        "study": "dose_study",
        "reason": "",
        "name": "fails_at_low_dose",
    }
    return given | changes


UNKNOWN = {"ours": NAN, "low": NAN, "high": NAN, "n": 0, "drawn": "", "published": NAN}
NOT_RUN = row(
    claim="Sizes are alike",
    study="size_study",
    verdict="undecided",
    reason="size_study was not run",
    **UNKNOWN,
)


def page(*rows, reports=("dose_study",), titles=None):
    return scorecard_page(
        pd.DataFrame(rows or [row(), NOT_RUN]),
        titles or {"arXiv 1": "A title"},
        set(reports),
        command="kedro run --pipeline=scorecard",
        versions={"torch": "2.13.0"},
    )


def plain(html):
    return html.replace("\N{NO-BREAK SPACE}", " ").replace("&#34;", '"')


def test_a_claim_stands_with_all_that_decided_it():
    html = plain(page())
    for text in (
        "Networks fail at low dose",
        "A title",
        "Fig. 3",
        "hard Dice at home minus away",
        "0.300, 0.250 to 0.350",
        "n = 5 folds",
        "holds if ≥ 0.1",
        "published 0.450 (printed)",
    ):
        assert text in html, text


def test_the_answer_counts_and_names_what_fails_and_what_was_not_run():
    failed = row(claim="Dice stays", verdict="fails", paper="arXiv 1")
    html = plain(page(row(), failed, NOT_RUN))
    assert "Of 3 claims 1 holds, 1 fails and 1 cannot be decided." in html
    assert "Fails: Dice stays (arXiv 1, Fig. 3): 0.300, 0.250 to 0.350 (n = 5 folds)" in html
    assert "Not run, so that nothing is known: size_study." in html


def test_an_undecided_claim_says_why_and_draws_no_line():
    html = page(NOT_RUN)
    assert "Because size_study was not run." in html and "not known" in html
    assert 'role="img"' not in html


def test_only_studies_with_a_report_are_linked():
    html = page()
    assert re.findall(r'href="(\.\.[^"]*)"', html) == ["../dose_study/report.html"]
    assert "../" not in page(reports=())


def test_every_verdict_has_a_sign_and_a_word_beside_its_colour():
    html = page(row(), row(claim="b", verdict="fails"), NOT_RUN)
    for sign, verdict in (("✓", "holds"), ("✗", "fails"), ("?", "undecided")):
        assert f'aria-hidden="true">{sign}</span> {verdict}</p>' in html


def test_the_line_is_a_scale():
    """Ours lies between its ends, in what is allowed; places are linear in value."""
    ruler = Ruler.of(row())
    positions = [ruler.ends[0][0], ruler.low, ruler.ours, ruler.high, ruler.published]
    assert positions == sorted(positions)
    values = [0.1, 0.25, 0.3, 0.35, 0.45]
    assert np.polyfit(values, positions, 1, full=True)[1] == pytest.approx(0, abs=1e-3)
    assert ruler.allowed == (ruler.ends[0][0], 100)
    assert ruler.ends[0][1] == "0.1"


def test_a_line_may_be_allowed_on_both_sides_or_below():
    both = Ruler.of(row(holds_from=-0.02, holds_to=0.02, ours=0, low=-0.01, high=0.01))
    assert [label for _, label in both.ends] == ["−0.02", "0.02"]
    below = Ruler.of(row(holds_from=-INF, holds_to=0.05, published=NAN))
    assert below.allowed[0] == 0 and below.published is None


def test_an_interval_without_width_still_has_a_place():
    ruler = Ruler.of(row(holds_from=0.3, low=0.3, high=0.3, published=NAN))
    assert ruler.low == ruler.ours == ruler.high == 50


def test_everything_is_escaped_and_nothing_is_loaded():
    evil = row(claim=EVIL, figure=EVIL, statistic=EVIL, confidence=EVIL, study=EVIL, drawn=EVIL)
    html = page(evil, row(verdict="undecided", reason=EVIL), titles={"arXiv 1": EVIL})
    assert "<script" not in html and html.count("&lt;script&gt;") >= 7
    assert not re.search(r"https?:|url\(|@import|<link", html)
    assert "default-src 'none'" in html


def test_the_same_table_gives_the_same_page():
    assert page() == page()


def test_a_table_that_lacks_a_column_is_refused():
    with pytest.raises(InputError, match="verdict"):
        scorecard_page(
            pd.DataFrame([row()]).drop(columns="verdict"), {}, set(), command="", versions={}
        )
