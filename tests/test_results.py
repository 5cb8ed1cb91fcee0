"""Kept results are whole and small, and the numbers that documentation quotes follow from them.

A quoted number has a comment before it that says what it is (docs/results.md):
``<!-- number: STUDY.TABLE STATISTIC COLUMN where CONDITION -->0.61``.
"""

import re
from pathlib import Path

import pandas as pd
import pytest
from derived_results import derived_tables

from hrtem_shift.catalog.results import KeptTablesDataset, read_results, write_results
from hrtem_shift.scorecard.papers import CLAIMS
from hrtem_shift.scorecard.verdicts import judge_claims

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
STUDIES = sorted(path.parent for path in (ROOT / "results").glob("*/about.json"))
NUMBER = re.compile(
    r"<!-- number: (\w+)\.(\w+) (\w+) (\w+)(?: where (.+?))? -->\**([−-]?\d[\d,]*(?:\.\d+)?)"
)
MOST_BYTES = 30 * 2**20
SCORECARD = "scorecard"
"""In the place of a study: claims, decided anew by the results; its table is ``claims``."""


def faults_of(text, results):
    """Numbers of a page that the results in a folder do not give."""
    text = re.sub(r"^```.*?^```|`[^`\n]*`", "", text, flags=re.DOTALL | re.MULTILINE)
    quotes = NUMBER.findall(text)
    unread = text.count("<!-- number:") - len(quotes)
    faults = [f"{unread} comments of a number have another form"] if unread else []
    return faults + [
        f"{printed} is {number:.8g}: {study}.{table} {statistic} {column} where {where}"
        for study, table, statistic, column, where, printed in quotes
        if not says(printed, number := computed(results, study, table, statistic, column, where))
    ]


def computed(results, study, table, statistic, column, where):
    if study == SCORECARD:
        findings = KeptTablesDataset(str(results)).load()()
        rows = judge_claims(CLAIMS, findings, seed=0)
    else:
        derived = derived_tables(results / study)
        rows = derived[table] if table in derived else read_results(results / study).tables[table]
    chosen = rows.query(where, engine="python") if where else rows
    return chosen[column].item() if statistic == "value" else chosen[column].agg(statistic)


def says(printed, number):
    """Whether a number is printed as it rounds."""
    plain = printed.replace("−", "-").replace(",", "")
    decimals = len(plain.partition(".")[2])
    return abs(float(plain) - number) <= 0.5 * 10**-decimals * (1 + 1e-9)


def test_every_number_that_a_page_quotes_follows_from_results():
    if not STUDIES:
        pytest.skip("results/ is empty: no quoted number can be computed again")
    faults = {page.name: faults_of(page.read_text("utf-8"), ROOT / "results") for page in PAGES}
    assert not {page: wrong for page, wrong in faults.items() if wrong}


def test_kept_results_are_whole_and_small():
    if not STUDIES:
        pytest.skip("results/ is empty: there is nothing to check")
    assert all(read_results(study).networks for study in STUDIES)
    files = [path for path in (ROOT / "results").rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= MOST_BYTES


def test_a_number_that_does_not_follow_is_named(tmp_path):
    networks = pd.DataFrame(
        {"run_id": ["a", "b"], "made_of": ["x", "y"], "seconds": [1200.0, 34.4]}
    )
    scores = pd.DataFrame({"run_id": ["a", "b"], "test_id": "t", "hard_dice": [0.25, -0.126]})
    scores["reason"] = ""
    about = {"parameters": {"toy": {}}}
    write_results(tmp_path / "toy", {"networks": networks, "scores": scores}, None, about)
    page = (
        "Mean <!-- number: toy.scores mean hard_dice -->0.06, lowest "
        "<!-- number: toy.scores min hard_dice -->−0.13 in "
        "<!-- number: toy.networks sum seconds -->**1,234** s; of a alone "
        "<!-- number: toy.scores value hard_dice where run_id == 'a' -->0.250."
    )
    assert not faults_of(page, tmp_path)
    for right, wrong in (("0.06", "0.07"), ("−0.13", "0.13"), ("1,234", "1,235"), (".250", ".251")):
        (fault,) = faults_of(page.replace(right, wrong), tmp_path)
        assert "toy." in fault
    (fault,) = faults_of(page.replace("scores min", "scores.min"), tmp_path)
    assert "1 comments of a number have another form" in fault


def test_the_form_that_is_documented_is_the_one_that_is_read():
    page = (ROOT / "docs" / "results.md").read_text("utf-8")
    assert NUMBER.search(page)
