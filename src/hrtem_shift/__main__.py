"""``python -m hrtem_shift``: the command ``hrtem-shift``."""

from __future__ import annotations

import sys

from hrtem_shift.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
