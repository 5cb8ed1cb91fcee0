"""The page of a batch in a real browser: quiet, offline, legible on a phone and in print."""

import numpy as np
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
from segmented_batches import batch, failed, segmented, write_overlay

pytestmark = needs_chromium

PAGES = ("report", "failed", "small")
SHAPES = ((512, 512), (200, 900), (900, 200), (512, 512))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder of results: overlays, and pages beside them."""
    folder = tmp_path_factory.mktemp("results")
    missing = "dose (not known for this image)"
    rows = [
        segmented("good", not_compared=missing),
        segmented("reversed", "borderline", 0.83, reasons=EVIL * 3, what_to_do="Look at it. " * 9),
        segmented(LONG, "outside", None, reasons=LONG, notes="12 hot pixels were repaired"),
        segmented("far", "outside", 0.4, reasons="unlike training " * 20, n_particles=7),
        segmented(EVIL, notes=EVIL),
        failed(EVIL, EVIL),
        failed(LONG + "b", LONG),
    ]
    report = batch(rows, warnings=[EVIL, f"session/good.tif: {LONG}"])
    for row, shape in zip(rows[:4], SHAPES, strict=True):
        report.overlays[row["image"]] = write_overlay(
            folder, row["image"], level=row["verdict"], shape=shape
        )
    report.manifest["versions"] = {"hrtem-shift": "0.9.7", LONG: EVIL}
    pages = {
        "report": report,
        "failed": batch([failed("a")]),
        "small": batch([segmented(n_particles=1)]),
    }
    for name, given in pages.items():
        (folder / f"{name}.html").write_text(given.page, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    with chromium(tmp_path_factory.mktemp("chromium")) as browser:
        yield browser.new_page()


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("width_px", [PHONE, DESK])
def test_a_page_says_nothing_asks_for_nothing_and_fits_its_screen(page, folder, name, width_px):
    assert_quiet_and_fitting(page, folder / f"{name}.html", width_px)


@pytest.mark.parametrize("width_px", [PHONE, DESK])
def test_all_of_a_verdict_is_within_the_screen(page, folder, width_px):
    """The table needs no sideways scroll, neither on a phone nor on a desk."""
    page.open(folder / "report.html", width_px)
    cells = page.evaluate(
        """[...document.querySelectorAll('.verdicts td')].filter(cell => cell.checkVisibility())
          .map(cell => cell.getBoundingClientRect()).map(box => [box.left, box.right])"""
    )
    assert len(cells) >= 5 * 4
    assert all(0 <= left < right <= width_px for left, right in cells)


@pytest.mark.parametrize("width_px", [PHONE, DESK])
def test_every_overlay_is_seen_undistorted_and_large_enough(page, folder, width_px):
    page.open(folder / "report.html", width_px)
    overlays = page.evaluate(
        """[...document.querySelectorAll('.gallery img')].map(image => {
          const box = image.getBoundingClientRect();
          return [image.complete && image.checkVisibility(), image.naturalWidth,
                  image.naturalHeight, box.width, box.height,
                  getComputedStyle(image).objectFit];
        })"""
    )
    assert len(overlays) == len(SHAPES)
    for seen, natural_width, natural_height, width, height, fit in overlays:
        assert seen and natural_width and width >= 140
        same = width / height == pytest.approx(natural_width / natural_height, rel=0.03)
        assert same or fit == "contain"


def test_letters_are_large_enough_on_a_phone(page, folder):
    page.open(folder / "report.html", PHONE)
    sizes = page.evaluate(
        """[...document.querySelectorAll("body *")]
          .filter(e => [...e.childNodes].some(n => n.nodeType == 3 && n.textContent.trim()))
          .filter(e => e.checkVisibility()).map(e => parseFloat(getComputedStyle(e).fontSize))"""
    )
    assert min(sizes) >= 11


def test_markup_in_names_is_text(page, folder):
    page.open(folder / "report.html", DESK)
    assert page.evaluate("document.querySelectorAll('script, [onerror]').length") == 0
    assert page.evaluate("document.body.textContent").count("console.error('ran')") > 5


def test_links_lead_to_the_large_overlays_and_to_what_failed(page, folder):
    page.open(folder / "report.html", DESK)
    addresses = page.evaluate("[...document.querySelectorAll('.gallery a')].map(a => a.href)")
    expected = {(folder / n / f"{n}_overlay.png").as_uri() for n in ("good", "reversed", "far")}
    assert expected < set(addresses) and len(addresses) == 4
    assert page.evaluate("document.querySelector('.counts a').hash") == "#failed"
    assert page.evaluate("document.querySelectorAll('#failed').length") == 1


def test_one_click_selects_the_methods_paragraph(page, folder):
    page.open(folder / "report.html", DESK)
    place = page.evaluate(
        """(() => { const p = document.querySelector('.methods'); p.scrollIntoView();
          const box = p.getBoundingClientRect(); return [box.left + 60, box.top + 30]; })()"""
    )
    for kind in ("mousePressed", "mouseReleased"):
        page.call(
            "Input.dispatchMouseEvent",
            type=kind,
            x=place[0],
            y=place[1],
            button="left",
            clickCount=1,
        )
    selected = page.evaluate("getSelection().toString().trim()")
    assert selected == page.evaluate("document.querySelector('.methods').textContent.trim()")
    assert selected.startswith("5 micrographs were segmented")


@pytest.mark.parametrize("name", PAGES)
def test_a_page_can_be_printed(page, folder, name):
    page.open(folder / f"{name}.html", DESK)
    pdf = page.pdf()
    assert pdf.startswith(b"%PDF")
    assert 1 <= number_of_pages(pdf) < 10


def test_text_stands_out_from_the_paper_in_the_dark(page, folder):
    page.open(folder / "report.html", DESK, dark=True)
    colours = page.evaluate(
        "['color', 'backgroundColor'].map(what => getComputedStyle(document.body)[what])"
    )
    ink, paper = (np.mean([int(v) for v in c[4:-1].split(",")]) for c in colours)
    assert ink > 200 and paper < 60
