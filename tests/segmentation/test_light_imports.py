"""`hrtem-shift segment` starts without libraries that only its figures and page need."""

import subprocess
import sys


def test_matplotlib_and_statistics_are_not_imported_before_a_figure_is_drawn():
    script = (
        "import sys, hrtem_shift.segmentation.batch, hrtem_shift.scorecard.papers\n"
        "print([name for name in ('matplotlib', 'scipy.stats') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
