"""Run the project as ``python -m hrtem_shift``: the same as ``kedro run``."""

from __future__ import annotations

from pathlib import Path

from kedro.framework.cli.utils import find_run_command
from kedro.framework.project import configure_project


def main() -> None:
    """Run the registered pipelines."""
    configure_project(Path(__file__).parent.name)
    find_run_command(Path(__file__).parent.name)()


if __name__ == "__main__":
    main()
