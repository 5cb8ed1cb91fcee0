"""The index of all reports, with question and first line of the answer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from html.parser import HTMLParser

from hrtem_shift.figures.page import render_page

_SENTENCE_ENDS = re.compile(r"(?<=[.?!]) (?=[A-Z])")


@dataclass(frozen=True)
class Heading:
    """Title, question and first answer of a report."""

    title: str
    question: str
    answer: str
    """Its first sentence; empty where the page has none."""


def index_page(reports: Mapping[str, str]) -> str:
    """Write the page that links to all reports.

    Parameters
    ----------
    reports : mapping of str to str
        Folder -> its ``report.html``, as `hrtem_shift.figures.report.render_report` writes
        it, in the order of the page.

    Returns
    -------
    str
        HTML for the folder that holds these folders; all links are relative.
    """
    return render_page(
        "index.html",
        title="Reports",
        question="Will a segmentation network still work when the microscope, the dose or the "
        "sample changes?",
        entries=[(f"{folder}/report.html", heading_of(page)) for folder, page in reports.items()],
    )


def heading_of(page: str) -> Heading:
    """Read title, question and first answer of a report.

    Parameters
    ----------
    page : str
        A page of this project; of any other, what it lacks is empty.
    """
    reader = _Reader()
    reader.feed(page.split("</section>", 1)[0])
    reader.close()
    title, question, answer = (
        " ".join("".join(reader.texts[part]).split()) for part in ("title", "question", "answer")
    )
    return Heading(title, question, _SENTENCE_ENDS.split(answer, maxsplit=1)[0])


class _Reader(HTMLParser):
    """Gathers the texts of h1, of the paragraph of class question, and of the first list item."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: dict[str, list[str]] = {"title": [], "question": [], "answer": []}
        self._part, self._tag = "", ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin a part that has not been read."""
        part = {"h1": "title", "li": "answer"}.get(tag, "")
        if tag == "p" and ("class", "question") in attrs:
            part = "question"
        if part and not self._part and not self.texts[part]:
            self._part, self._tag = part, tag

    def handle_endtag(self, tag: str) -> None:
        """End it."""
        if tag == self._tag:
            self._part = self._tag = ""

    def handle_data(self, data: str) -> None:
        """Take its text."""
        if self._part:
            self.texts[self._part].append(data)
