"""Claims that an imaging study decides by its own rules: the scorecard takes its verdict."""

from dataclasses import replace

import pytest
from planted_studies import imaging_study, transfer_claims

from hrtem_shift.scorecard.contrast_transfer_paper import PAPER, REGISTERED
from hrtem_shift.scorecard.verdicts import judge_claims
from hrtem_shift.shift.transfer_claims import CLAIMS


def judged(table):
    study = imaging_study()
    findings = replace(study, others={**study.others, "transfer_claims": table})
    verdicts = judge_claims(PAPER.claims, {"imaging_study": findings}, seed=0)
    mine = verdicts[verdicts["statistic"].str.startswith("1 if the registered rule")]
    return mine[mine["study"] == "imaging_study"]


def test_every_registered_claim_has_its_row():
    assert set(REGISTERED) == set(CLAIMS) and len(judged(transfer_claims())) == len(CLAIMS)


@pytest.mark.parametrize("verdict", ["holds", "fails"])
def test_the_verdict_of_the_study_is_taken(verdict):
    assert (judged(transfer_claims(verdict))["verdict"] == verdict).all()


def test_undecided_has_the_reason_of_the_study():
    table = transfer_claims("undecided").assign(note="fewer than 6 pairs")
    rows = judged(table)
    assert (rows["verdict"] == "undecided").all()
    assert (rows["reason"] == "fewer than 6 pairs").all()
    assert judged(table.head(0))["verdict"].eq("undecided").all()


def test_a_study_that_was_not_run_is_named():
    verdicts = judge_claims(PAPER.claims, {}, seed=0).set_index("study")
    reasons = set(verdicts.loc["gold_imaging_study", "reason"])
    assert reasons == {"gold_imaging_study was not run"}
