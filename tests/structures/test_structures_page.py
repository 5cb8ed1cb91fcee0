"""docs/structures.md: its code runs, its functions and tests exist, no row is empty."""

import re
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "structures.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("| ").split(" | ")]
    for line in PAGE.splitlines()
    if line.startswith("| ") and not line.endswith("| tested by |")
]


def test_no_row_is_empty():
    assert len(ROWS) > 70
    for row in ROWS:
        assert len(row) == 3, row
        assert all(row), row
        assert "`" in row[1] or row[1:] == ["**not yet**", "none"], row


def test_every_test_that_is_named_exists():
    for *_, tested in ROWS:
        for file, test in re.findall(r"`([\w/]+\.py)::(test_\w+)`", tested):
            assert f"\ndef {test}(" in (ROOT / "tests" / file).read_text("utf-8"), tested
        assert tested == "none" or tested.startswith("`")


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`((?:\w+\.)+\w+)`", PAGE))))
def test_every_function_that_is_named_exists(name):
    assert named(name if name.startswith("ase.") else f"hrtem_shift.{name}") is not None


@cache
def named(name):
    try:
        return import_module(name)
    except ModuleNotFoundError:
        parent, _, last = name.rpartition(".")
        return getattr(named(parent), last)


def test_the_ten_lines_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)[1]
    lines = code.split("\n\n")[-1].strip().splitlines()
    assert len(lines) <= 10
    made = {}
    exec(code, made)
    assert set(made["instance"].ravel().tolist()) == {0, 1}
    assert Path("scene.xyz").stat().st_size > 100_000


def test_every_picture_of_the_gallery_is_there_and_small():
    gallery = (ROOT / "docs" / "gallery.md").read_text(encoding="utf-8")
    named = re.findall(r"\((images/gallery/\w+\.png)\)", gallery)
    assert len(named) > 40
    there = {path.name for path in (ROOT / "docs" / "images" / "gallery").iterdir()}
    assert {Path(name).name for name in named} == there
    assert all((ROOT / "docs" / name).stat().st_size <= 60_000 for name in named)
