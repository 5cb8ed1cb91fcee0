"""Whether processes have ended."""

import os
import time
from pathlib import Path


def wait_until_gone(pids, seconds=20):
    deadline = time.monotonic() + seconds
    while alive := [pid for pid in pids if _lives(pid)]:
        assert time.monotonic() < deadline, f"processes {alive} were left behind"
        time.sleep(0.1)


def _lives(pid):
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False
