"""The report: one page, escaped, the same bytes twice, nothing loaded from outside."""

import base64
import io
import re
from html.parser import HTMLParser

import pandas as pd
import pytest
from matplotlib.figure import Figure

from hrtem_shift.figures.report import FigureBlock, TableBlock, figure_png, render_report

EVIL = "<script>alert('&')</script>"
VOID = {"meta", "img", "br", "link"}


def picture():
    figure = Figure(figsize=(3, 2))
    figure.subplots().plot([0, 1], [1, 0])
    return figure


def table():
    return pd.DataFrame(
        {"name": ["dose_884", EVIL], "n": [5, 3], "hard_dice": [0.123456, float("nan")]}
    )


def page(**changes):
    given = {
        "title": "Dose study",
        "question": "How badly does it fail?",
        "answer": ["Dice falls from 0.90 ± 0.01 (n = 5)."],
        "what_was_run": [("networks", "15")],
        "blocks": [
            FigureBlock("Matrix", figure_png(picture()), "Mean over folds."),
            TableBlock("Table", table(), "One row a network.", "dose_matrix.csv"),
        ],
        "limits": ["Simulated images only."],
        "command": "kedro run --pipeline=dose_study",
        "versions": {"torch": "2.13.0"},
    }
    return render_report(**(given | changes))


class Page(HTMLParser):
    def __init__(self, html):
        super().__init__()
        self.open, self.tags, self.addresses = [], [], []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [v for k, v in attrs if k in {"src", "href", "srcset", "action"}]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_page_is_well_formed_and_holds_every_text():
    html = page()
    assert Page(html).open == []
    for text in ("Dose study", "How badly", "networks", "Mean over folds.", "Simulated", "2.13.0"):
        assert text in html
    assert "<code>kedro run --pipeline=dose_study</code>" in html


def test_everything_is_escaped():
    png = figure_png(picture())
    html = page(
        title=EVIL,
        question=EVIL,
        answer=[EVIL],
        what_was_run=[(EVIL, EVIL)],
        blocks=[
            FigureBlock(EVIL, png, f'" onload="{EVIL}'),
            TableBlock(EVIL, table().rename(columns={"n": EVIL}), EVIL, f'"{EVIL}'),
        ],
        limits=[EVIL],
        command=EVIL,
        versions={EVIL: EVIL},
    )
    assert "<script" not in html
    assert 'onload="' not in html
    assert html.count("&lt;script&gt;") >= 14
    assert "script" not in Page(html).tags


def test_nothing_is_loaded_from_outside():
    html = page()
    addresses = Page(html).addresses
    assert len(addresses) == 2
    assert all(address.startswith("data:") for address in addresses)
    assert not re.search(r"https?:|url\(|@import|<link", html)
    assert "default-src 'none'" in html


def test_same_input_gives_the_same_bytes():
    assert figure_png(picture()) == figure_png(picture())
    assert page() == page()


def test_picture_carries_no_date_or_program():
    png = figure_png(picture(), dpi=100)
    assert png.startswith(b"\x89PNG")
    assert b"tEXt" not in png
    assert b"tIME" not in png


@pytest.mark.parametrize("dpi", [96, 150])
def test_letters_keep_their_size_at_any_resolution(dpi):
    block = FigureBlock("x", figure_png(picture(), dpi=dpi), "y")
    assert block.width == pytest.approx(3 * 96, abs=1)


def test_table_rounds_for_reading_and_keeps_all_digits_in_the_csv():
    block = TableBlock("x", table(), "y", "z.csv")
    assert block.rows[0] == ["dose_884", "5", "0.123"]
    assert block.rows[1][2] == "missing"
    csv = base64.b64decode(block.source.split(",", 1)[1]).decode()
    pd.testing.assert_frame_equal(pd.read_csv(io.StringIO(csv)), table())


def test_numbers_read_well():
    values = pd.DataFrame({"x": [0.0, 1e-5, 0.5, 12345.6], "flag": [True, False, True, False]})
    rows = TableBlock("x", values, "y", "z.csv").rows
    assert [row[0] for row in rows] == ["0.000", "1e-05", "0.500", "12345.6"]
    assert rows[0][1] == "True"


def test_numbers_and_their_spread_stay_on_one_line():
    assert "0.90\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}0.01" in page()


def test_page_fits_phone_dark_and_paper():
    html = page()
    assert 'name="viewport"' in html
    assert "@media print" in html
    assert "prefers-color-scheme: dark" in html


def test_the_tracking_server_is_a_link_and_nothing_else_is():
    server = "http://server:5000"
    html = page(what_was_run=[("MLflow", server), ("Data sets", "http://elsewhere")])
    assert server in Page(html).addresses
    assert "http://elsewhere" not in Page(html).addresses
    hostile = page(what_was_run=[("MLflow", f'{server}"><script>alert(1)</script>')])
    assert "<script>alert" not in hostile
