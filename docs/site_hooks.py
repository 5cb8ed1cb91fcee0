"""Hooks of MkDocs: the pages that are not files of docs/, and links that leave docs/.

README, CONTRIBUTING and CHANGELOG are read on the git host, in the root folder. The site shows
them, too. The API reference has one page for each package of ``src/hrtem_shift``.
"""

import ast
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "hrtem_shift"
ROOT_PAGES = {"CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Append the API reference to the navigation."""
    config.nav.append({"API reference": [f"reference/{name}.md" for name in reference()]})
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages of the root folder and of the reference."""
    for source, page in ROOT_PAGES.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=text.replace("](docs/", "](")))
    for name, summary in reference().items():
        text = f"# {name}\n\n{summary}\n\n::: hrtem_shift.{name}\n"
        files.append(File.generated(config, f"reference/{name}.md", content=text))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Point links to files of the root folder to their pages on the site."""
    for source, page in ROOT_PAGES.items():
        markdown = markdown.replace(f"](../{source}", f"]({page}")
    return re.sub(r"\]\(\.\./README\.md", "](index.md", markdown)


def reference() -> dict[str, str]:
    """First line of the docstring of each package or module that is documented, by its name."""
    paths = [path for path in SOURCE.iterdir() if (path / "__init__.py").is_file()]
    return {path.name: _summary(path / "__init__.py") for path in sorted(paths)}


def _summary(path: Path) -> str:
    return (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").split("\n")[0]
