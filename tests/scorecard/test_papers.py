"""The claims of the papers: right on planted tables, none borne out by permuted ones."""

import pytest
from planted_studies import FALSE, studies

from hrtem_shift.scorecard.papers import CLAIMS, PAPERS
from hrtem_shift.scorecard.verdicts import judge_claims


@pytest.fixture(scope="module")
def planted():
    return judge_claims(CLAIMS, studies(), seed=0).set_index("name")


def test_claims_of_all_papers_have_names_and_words_of_their_own():
    assert len(CLAIMS) >= 24 and len(PAPERS) == 4
    assert all(paper.claims for paper in PAPERS)
    for of in ("name", "words"):
        assert len({getattr(claim, of) for claim in CLAIMS}) == len(CLAIMS)
    assert all(claim.words and claim.figure and claim.statistic for claim in CLAIMS)


@pytest.mark.parametrize("name", [claim.name for claim in CLAIMS])
def test_every_claim_has_the_verdict_that_was_planted(planted, name):
    row = planted.loc[name]
    assert row["verdict"] == ("fails" if name in FALSE else "holds"), row.to_dict()
    assert row["n"] == (2 if name == "a_search_lowers_the_loss" else 5)
