"""README, docs and citation: links lead somewhere, what they name exists."""

import ast
import re
from pathlib import Path

import pytest
import yaml

from hrtem_shift.scorecard.papers import PAPERS

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), ROOT / "conf" / "README.md", *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#\s]*)(?:#([^)\s]+))?\)")


def text_of(page):
    """Text without code blocks, in which brackets are no links."""
    return re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)


def anchors(page):
    """Anchors of the headings, as a git host and MkDocs make them."""
    titles = re.findall(r"^#+ (.+)$", text_of(page), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_file_and_to_a_heading(page):
    for path, anchor in LINK.findall(text_of(page)):
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), path
        assert target.is_relative_to(ROOT), path
        assert not anchor or anchor in anchors(target), f"{path}#{anchor}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_test_that_is_named_exists(page):
    for file, test in re.findall(r"`(tests/[\w/]+\.py)(?:::(test_\w+))?`", page.read_text("utf-8")):
        assert (ROOT / file).is_file(), file
        assert not test or f"\ndef {test}(" in (ROOT / file).read_text("utf-8"), test


def test_every_page_is_listed_on_the_first_page_and_in_the_navigation():
    docs = ROOT / "docs"
    navigation = (ROOT / "mkdocs.yml").read_text("utf-8")
    listed = {path for path, _ in LINK.findall(text_of(docs / "index.md"))}
    for page in docs.rglob("*.md"):
        name = page.relative_to(docs).as_posix()
        assert f" {name}\n" in navigation, name
        assert name in listed | {"index.md"}, name


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) < 150


def test_the_readme_names_every_package_of_the_source():
    source = ROOT / "src" / "hrtem_shift"
    tree = (ROOT / "README.md").read_text("utf-8").partition("src/hrtem_shift/\n")[2]
    named = set(re.findall(r"^  (\w+)/ ", tree, re.MULTILINE))
    assert named == {path.parent.name for path in source.glob("*/__init__.py")}


def test_the_citation_has_the_papers_whose_claims_are_decided():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    cited = {reference["url"]: reference["title"] for reference in citation["references"]}
    arxiv = [paper for paper in PAPERS if paper.name.startswith("arXiv ")]
    assert len(arxiv) >= 3
    for paper in arxiv:
        number = paper.name.removeprefix("arXiv ")
        assert cited[f"https://arxiv.org/abs/{number}"] == paper.title


def test_the_architecture_picture_names_every_package():
    picture = (ROOT / "docs" / "images" / "architecture.svg").read_text("utf-8")
    for path in (ROOT / "src" / "hrtem_shift").glob("*/__init__.py"):
        assert re.search(rf"[> ]{path.parent.name}[ <]", picture), path.parent.name


def test_every_message_of_the_troubleshooting_page_is_one_of_the_program():
    messages = "\n".join(
        "".join(part.value for part in node.values if isinstance(part, ast.Constant))
        if isinstance(node, ast.JoinedStr)
        else str(node.value)
        for path in (ROOT / "src").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.JoinedStr | ast.Constant)
    )
    page = (ROOT / "docs" / "troubleshooting.md").read_text("utf-8")
    tables = re.findall(r"^\| message.*?(?=\n\n|\Z)", page, re.DOTALL | re.MULTILINE)
    rows = [row for table in tables for row in table.splitlines()[2:]]
    quoted = [text for row in rows for text in re.findall(r"`([^`]+)`", row.split(" | ")[0])]
    assert len(quoted) > 20
    for text in quoted:
        assert text in messages or text.startswith("--"), text


def test_files_and_names_that_contributing_mentions_exist():
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    files = re.findall(r"`((?:src|tests|docs|\.ci)/[a-z_/.]+)`", text)
    assert len(files) > 8
    for file in files:
        assert (ROOT / file).exists(), file
    source = "\n".join(path.read_text("utf-8") for path in (ROOT / "src").rglob("*.py"))
    names = re.findall(r"`(_?[A-Z_]{5,}|[a-z]+_[a-z_]+)(?:\(.*\).*)?`", text)
    for name in names:
        assert re.search(rf"\b{name}\b", source), name
