"""`kedro run --pipeline=scorecard` on tables as studies leave them, whichever were run."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from planted_studies import FALSE, referee_scores, studies

from hrtem_shift.catalog.results import KeptTablesDataset, write_results
from hrtem_shift.catalog.study_tables import LAYERS, StudyReportsDataset, StudyTablesDataset
from hrtem_shift.errors import InputError
from hrtem_shift.figures.report import render_report
from hrtem_shift.pipelines.scorecard.nodes import decide
from hrtem_shift.pipelines.scorecard.parameters import Scorecard
from hrtem_shift.scorecard.papers import CLAIMS
from hrtem_shift.scorecard.verdicts import judge_claims

ROOT = Path(__file__).parents[2]


READ = {Path(table).stem for tables in LAYERS.values() for table in tables}
"""Tables that are read beside the scores."""


def lacks_its_table(claim):
    """Whether it is decided by the study's own table, and that is not read."""
    return claim.statistic.startswith("1 if the registered") and "transfer_claims" not in READ


def write_study(data, name, findings):
    """Leave tables where a study leaves them."""
    tables = {
        f"07_model_output/{name}/scores.csv": findings.scores,
        f"05_model_input/{name}/data_sets.csv": findings.data_sets,
        **{f"08_reporting/{name}/{k}.csv": v for k, v in findings.others.items()},
    }
    inventory = tables.pop(f"08_reporting/{name}/inventory.csv", None)
    for table in ("networks", "trials"):
        if (moved := tables.pop(f"08_reporting/{name}/{table}.csv", None)) is not None:
            tables[f"06_models/{name}/{table}.csv"] = moved
    for position, table in tables.items():
        (data / position).parent.mkdir(parents=True, exist_ok=True)
        table.to_csv(data / position, index=False)
    if inventory is not None:
        (data / "02_intermediate" / name).mkdir(parents=True)
        inventory.to_parquet(data / "02_intermediate" / name / "inventory.parquet")


def write_all(data):
    result = studies()
    del result["referee"], result["magnification_study"]
    for name, findings in result.items():
        write_study(data, name, findings)
    referee = data / "08_reporting" / "referee"
    referee.mkdir()
    referee_scores().to_csv(referee / "referee.csv", index=False)
    (data / "08_reporting" / "dose_study").mkdir(parents=True, exist_ok=True)
    (data / "08_reporting" / "dose_study" / "report.html").write_text(a_report(), encoding="utf-8")


def a_report():
    return render_report(
        title="Dose study",
        question="How badly does it fail?",
        answer=["By a third.", "Noise repairs it."],
        what_was_run=[],
        blocks=[],
        limits=[],
        command="kedro run",
        versions={},
    )


def loaded(data):
    return StudyTablesDataset(str(data / "07_model_output")).load()()


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("project")
    shutil.copytree(ROOT / "conf", folder / "conf")
    shutil.copy(ROOT / "pyproject.toml", folder)
    (folder / "src").mkdir()
    write_all(folder / "data")
    command = [str(Path(sys.executable).parent / "kedro"), "run", "--pipeline=scorecard"]
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "DO_NOT_TRACK": "1", "COLUMNS": "300"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_the_table_has_the_verdicts_that_were_planted(project):
    written = pd.read_csv(project / "data/08_reporting/scorecard/scorecard.csv")
    expected = [
        "undecided"
        if claim.study == "magnification_study" or lacks_its_table(claim)
        else "fails"
        if claim.name in FALSE
        else "holds"
        for claim in CLAIMS
    ]
    assert written["verdict"].tolist() == expected
    first = ["claim", "paper", "figure", "statistic", "published", "ours", "low", "high", "n"]
    assert list(written)[:10] == [*first, "verdict"]


def test_a_study_that_was_not_run_is_named_on_the_page(project):
    page = (project / "data/08_reporting/scorecard/report.html").read_text(encoding="utf-8")
    assert "Not run, so that nothing is known: magnification_study." in page
    assert 'href="../dose_study/report.html"' in page
    assert "../size_study" not in page  # it has left tables, but no report


def test_the_index_leads_to_every_report_and_the_scorecard_comes_first(project):
    folder = project / "data/08_reporting"
    page = (folder / "index.html").read_text(encoding="utf-8")
    positions = [part.split('"')[0] for part in page.split('<a href="')[1:]]
    assert positions == ["scorecard/report.html", "dose_study/report.html"]
    assert all((folder / position).is_file() for position in positions)
    assert "By a third." in page and "Noise repairs it" not in page


def test_tables_come_back_as_they_were_left(tmp_path):
    write_all(tmp_path)
    result = loaded(tmp_path)
    assert set(result) == set(studies()) - {"magnification_study"}
    assert set(result["fidelity_study"].others) == {"inventory"}
    assert set(result["imaging_study"].others) == {"cells", "transfer_claims"} & READ
    assert set(result["hyperparameter_study"].others) == {"networks", "trials"}
    expected = studies()["dose_study"]
    texts = ["variant", "reason"]  # nothing is written for ""
    scores = result["dose_study"].scores.drop(columns=texts)
    pd.testing.assert_frame_equal(scores, expected.scores.drop(columns=texts))
    pd.testing.assert_frame_equal(result["dose_study"].data_sets, expected.data_sets)


def test_before_any_study_there_is_nothing_and_nothing_breaks(tmp_path):
    assert loaded(tmp_path) == {}
    assert StudyReportsDataset(str(tmp_path)).load() == {}
    assert (judge_claims(CLAIMS, {}, seed=0)["verdict"] == "undecided").all()


def test_a_study_may_have_left_its_scores_alone(tmp_path):
    folder = tmp_path / "07_model_output" / "size_study"
    folder.mkdir(parents=True)
    studies()["size_study"].scores.to_csv(folder / "scores.csv", index=False)
    verdicts = judge_claims(CLAIMS, loaded(tmp_path), seed=0).set_index("name")
    assert verdicts.loc["own_size", "verdict"] == "holds"
    assert "does not say diameter_nm" in verdicts.loc["smallest_is_hardest", "reason"]


@pytest.mark.parametrize(
    ("text", "wording"),
    [("", "cannot be read"), ("fold,seed\n0,0\n", "train_set, test_set, hard_dice")],
)
def test_a_damaged_table_is_named(tmp_path, text, wording):
    path = tmp_path / "07_model_output" / "dose_study" / "scores.csv"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    with pytest.raises(InputError, match=wording) as error:
        loaded(tmp_path)
    assert error.value.where == str(path)


def test_kept_results_decide_claims_as_the_tables_of_the_run_do(tmp_path):
    write_all(tmp_path / "data")
    written = loaded(tmp_path / "data")
    del written["referee"]  # has no networks of its own
    for study, findings in written.items():
        run_ids = findings.scores.get("run_id", pd.Series(dtype=str)).unique()
        networks = findings.others.get("networks", pd.DataFrame({"run_id": run_ids}))
        scores = findings.scores.assign(test_id=range(len(findings.scores)))
        if "run_id" not in scores:
            scores["run_id"], networks = "a", pd.DataFrame({"run_id": ["a"]})
        tables = {**findings.others, "scores": scores, "data_sets": findings.data_sets}
        tables["networks"] = networks.assign(made_of=networks["run_id"])
        write_results(tmp_path / "results" / study, tables, None, {})
    kept = KeptTablesDataset(str(tmp_path / "results")).load()
    by_written, by_kept = (
        decide(lambda: written, kept, Scorecard(results=source)) for source in ("data", "results")
    )
    pd.testing.assert_frame_equal(by_kept, by_written)
    assert (by_kept["verdict"] == "holds").sum() > 20
