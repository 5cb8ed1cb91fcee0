import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_convention_names_a_test_that_exists():
    page = (ROOT / "docs" / "conventions.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| ")]
    rows = [row for row in rows if not row.startswith("| quantity |")]
    assert len(rows) > 30
    for row in rows:
        file, test = re.search(r"`(tests/[\w/]+\.py)::(test_\w+)` \|$", row).groups()
        assert f"\ndef {test}(" in (ROOT / file).read_text(encoding="utf-8"), row
