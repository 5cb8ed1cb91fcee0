"""Reports in a real browser: quiet, offline, visible, legible on a phone and in print."""

import numpy as np
import pandas as pd
import pytest
from headless_chromium import (
    DESK,
    EVIL,
    LONG,
    PHONE,
    assert_quiet_and_fitting,
    chromium,
    needs_chromium,
    number_of_pages,
)
from matplotlib.figure import Figure
from planted_studies import studies

from hrtem_shift.figures.index_page import index_page
from hrtem_shift.figures.report import FigureBlock, TableBlock, figure_png, render_report
from hrtem_shift.figures.scorecard_page import scorecard_page
from hrtem_shift.scorecard.papers import CLAIMS, PAPERS
from hrtem_shift.scorecard.verdicts import judge_claims

pytestmark = needs_chromium

PAGES = ("index.html", "scorecard/report.html", "dose_study/report.html")


def picture(width_in, height_in):
    figure = Figure(figsize=(width_in, height_in), layout="constrained")
    figure.subplots().plot([0, 1], [1, 0])
    return figure_png(figure)


def dose_report():
    """Figures wide and high, a wide table, long words, and names that are markup."""
    cells = {f"column_{k}": np.linspace(0, 1, 40) for k in range(14)}
    table = pd.DataFrame({"data_set": [EVIL, LONG] * 20, **cells})
    return render_report(
        title=f"Dose study of {EVIL}",
        question=f"How badly does {LONG} fail?",
        answer=[f"{EVIL}: hard Dice falls from 0.90 ± 0.01 to 0.50 ± 0.02.", LONG],
        what_was_run=[(EVIL, LONG), ("Data sets", EVIL)],
        blocks=[
            FigureBlock("Wide", picture(12.0, 5.0), EVIL),
            FigureBlock("High", picture(6.0, 14.0), "A high figure."),
            TableBlock(EVIL, table, LONG, "scores.csv"),
        ],
        limits=[EVIL],
        command="kedro run --pipeline=dose_study --params=ingestion.root=" + "x" * 120,
        versions={"torch": EVIL},
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A reporting folder, as a scorecard run leaves it."""
    folder = tmp_path_factory.mktemp("reporting")
    found = {"dose_study": studies()["dose_study"]}
    verdicts = judge_claims(CLAIMS, found, seed=0)
    verdicts.loc[0, ["claim", "statistic"]] = EVIL, LONG
    titles = {paper.name: paper.title for paper in PAPERS}
    scorecard = scorecard_page(
        verdicts, titles, {"dose_study"}, command="kedro run --pipeline=scorecard", versions={}
    )
    pages = {"scorecard": scorecard, "dose_study": dose_report()}
    for name, page in pages.items():
        (folder / name).mkdir()
        (folder / name / "report.html").write_text(page, encoding="utf-8")
    (folder / "index.html").write_text(index_page(pages), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    with chromium(tmp_path_factory.mktemp("chromium")) as browser:
        yield browser.new_page()


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("width_px", [PHONE, DESK])
def test_a_page_says_nothing_asks_for_nothing_and_fits_its_screen(page, folder, name, width_px):
    assert_quiet_and_fitting(page, folder / name, width_px)


VISIBLE = """[...document.images].map(image => {
  const box = image.getBoundingClientRect();
  return [image.complete && image.naturalWidth > 0 && image.checkVisibility(),
          box.width / image.getAttribute("width")];
})"""


@pytest.mark.parametrize(("width_px", "least_scale"), [(PHONE, 0.75), (DESK, 0.75)])
def test_every_figure_is_seen_with_letters_that_can_be_read(page, folder, width_px, least_scale):
    """Letters have at least three quarters of their size on paper; a phone scrolls sideways."""
    page.open(folder / "dose_study/report.html", width_px)
    figures = page.evaluate(VISIBLE)
    assert len(figures) == 2
    assert all(seen for seen, _ in figures)
    assert all(least_scale <= scale <= 1.01 for _, scale in figures)


SMALLEST_LETTER = """Math.min(...[...document.querySelectorAll("body *")]
  .filter(one => [...one.childNodes].some(n => n.nodeType == 3 && n.textContent.trim()))
  .filter(one => one.checkVisibility())
  .map(one => parseFloat(getComputedStyle(one).fontSize)))"""


@pytest.mark.parametrize("name", PAGES)
def test_letters_are_large_enough_on_a_phone(page, folder, name):
    page.open(folder / name, PHONE)
    assert page.evaluate(SMALLEST_LETTER) >= 11


def test_every_interval_of_the_scorecard_lies_on_its_line(page, folder):
    page.open(folder / "scorecard/report.html", PHONE)
    inside = page.evaluate(
        """[...document.querySelectorAll('.claim svg[role=img]')].map(svg => {
          const line = svg.getBoundingClientRect();
          const ours = svg.querySelector('circle').getBoundingClientRect();
          return line.width > 100 && ours.width > 0
            && line.left - 6 <= ours.left && ours.right <= line.right + 6;
        })"""
    )
    assert len(inside) > 15 and all(inside)


@pytest.mark.parametrize("name", PAGES)
def test_markup_in_names_is_text(page, folder, name):
    page.open(folder / name, DESK)
    assert page.evaluate("document.querySelectorAll('script, [onerror]').length") == 0
    assert page.evaluate("document.body.textContent").count("console.error('ran')") >= 1


@pytest.mark.parametrize("name", PAGES)
def test_a_page_can_be_printed(page, folder, name):
    page.open(folder / name, DESK)
    pdf = page.pdf()
    assert pdf.startswith(b"%PDF")
    assert 1 <= number_of_pages(pdf) < 40


@pytest.mark.parametrize("name", PAGES)
def test_text_stands_out_from_the_paper_in_the_dark(page, folder, name):
    page.open(folder / name, DESK, dark=True)
    colours = page.evaluate(
        "['color', 'backgroundColor'].map(what => getComputedStyle(document.body)[what])"
    )
    ink, paper = (np.mean([int(v) for v in c[4:-1].split(",")]) for c in colours)
    assert ink > 200 and paper < 60


def test_links_of_the_index_lead_to_reports(page, folder):
    page.open(folder / "index.html", DESK)
    addresses = page.evaluate("[...document.links].map(link => link.href)")
    assert addresses == [(folder / name).as_uri() for name in PAGES[1:]]


def test_a_table_can_be_saved_with_all_its_digits(page, folder):
    page.open(folder / "scorecard/report.html", DESK)
    text = page.evaluate("atob(document.querySelector('a[download]').href.split(',')[1])")
    assert text.splitlines()[0].startswith("claim,paper,figure,statistic,published,ours,low,high,n")


BROKEN = {
    "says an error": ("<script>console.error('no')</script>", lambda visit, page: visit.console),
    "asks for a picture": (
        "<img src='http://127.0.0.1:9/x.png'>",
        lambda visit, page: visit.requests,
    ),
    "is too wide": (
        "<div style='width: 2000px'>x</div>",
        lambda visit, page: page.evaluate("document.documentElement.scrollWidth") > PHONE,
    ),
    "has small letters": (
        "<p style='font-size: 5px'>x</p>",
        lambda visit, page: page.evaluate(SMALLEST_LETTER) < 11,
    ),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_these_tests_see_a_page_that(page, tmp_path, fault):
    body, seen = BROKEN[fault]
    path = tmp_path / "broken.html"
    head = "<!doctype html><meta name=viewport content='width=device-width, initial-scale=1'>"
    path.write_text(head + body, encoding="utf-8")
    assert seen(page.open(path, PHONE), page)
