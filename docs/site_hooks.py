"""Hooks of MkDocs: the pages that are not files of docs/, and links that leave docs/.

CONTRIBUTING, CHANGELOG and conf/README are read on the git host; the site shows them, too.
The API reference has a page for each package and module of ``src/hrtem_shift``.
"""

import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
ROOT_PAGES = {
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "conf/README.md": "configuration.md",
}
REFERENCE = sorted(
    path.stem
    for path in (ROOT / "src" / "hrtem_shift").iterdir()
    if (path / "__init__.py").is_file() or re.fullmatch(r"[a-z]\w*\.py", path.name)
)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Append the API reference to the navigation."""
    config.nav.append({"API reference": [f"reference/{name}.md" for name in REFERENCE]})
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages of the root folder and of the reference."""
    pages = {f"reference/{name}.md": f"# {name}\n\n::: hrtem_shift.{name}\n" for name in REFERENCE}
    for source, page in ROOT_PAGES.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        pages[page] = text.replace("](docs/", "](").replace("](../docs/", "](")
    for page, text in pages.items():
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Point links to files of the root folder to their pages on the site."""
    for source, page in ROOT_PAGES.items():
        markdown = markdown.replace(f"](../{source}", f"]({page}")
    return markdown
