"""The index: what stands at the top of each report, and the way to it."""

import re

from hrtem_shift.figures.index_page import Heading, heading_of, index_page
from hrtem_shift.figures.report import render_report

EVIL = "<script>alert('&')</script>"


def report(title="Dose study", question="How badly?", answer=("By a third.", "Not more.")):
    return render_report(
        title=title,
        question=question,
        answer=answer,
        what_was_run=[("Data sets", "three")],
        blocks=[],
        limits=["A limit."],
        command="kedro run",
        versions={},
    )


def test_title_question_and_first_answer_are_read_off_a_report():
    assert heading_of(report()) == Heading("Dose study", "How badly?", "By a third.")


def test_a_long_answer_is_cut_after_its_first_sentence():
    result = heading_of(report(answer=["Dice falls by 0.04 (n = 5, Fig. 3d). There it misses."]))
    assert result.answer == "Dice falls by 0.04 (n = 5, Fig. 3d)."


def test_what_was_escaped_is_read_as_it_was_meant():
    result = heading_of(report(EVIL, "a < b & c", ["<b>"]))
    assert result == Heading(EVIL, "a < b & c", "<b>")


def test_a_report_without_an_answer_has_none_from_elsewhere():
    assert heading_of(report(answer=[])).answer == ""
    assert heading_of("") == heading_of("no page at all") == Heading("", "", "")


def test_links_are_relative_and_keep_the_given_order():
    html = index_page({"scorecard": report("Scorecard"), "dose_study": report()})
    assert re.findall(r'href="([^"]*)"', html) == [
        "scorecard/report.html",
        "dose_study/report.html",
    ]
    assert html.index("Scorecard") < html.index("Dose study")


def test_a_page_without_a_heading_is_still_reachable():
    assert ">odd/report.html</a>" in index_page({"odd": "<p>?</p>"})


def test_texts_are_escaped_and_nothing_is_loaded():
    html = index_page({"evil": report(EVIL, EVIL, [EVIL])})
    assert "<script" not in html and html.count("&lt;script&gt;") == 3
    assert not re.search(r"https?:|url\(|@import|<link", html)


def test_the_same_reports_give_the_same_page_without_a_date():
    reports = {"a": report()}
    assert index_page(reports) == index_page(reports)
    assert not re.search(r"20\d\d", index_page(reports))


def test_no_report_at_all_gives_a_page():
    assert "Reports" in index_page({})
