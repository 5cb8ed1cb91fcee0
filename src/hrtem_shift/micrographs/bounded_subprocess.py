"""Run a module in a subprocess with limits on its time and memory.

Nothing inside a process can stop a library in C that never returns.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys

_BYTES = 2**30
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # each reserves memory


def run_bounded(module: str, *arguments: str, seconds: float) -> bytes:
    """Output of ``python -m module arguments``.

    Raises
    ------
    ValueError
        It takes longer, or ends with an error or a signal.
    """
    command = [sys.executable, "-P", "-m", module, *arguments]
    environment = os.environ | _ONE_THREAD
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired:
        raise ValueError(f"reading it takes more than {seconds:.1f} s") from None
    if done.returncode:
        raise ValueError(f"reading it ended with status {done.returncode}")
    return done.stdout


def limit_memory() -> None:
    """Limit the memory of this process to 1 GiB."""
    resource.setrlimit(resource.RLIMIT_DATA, (_BYTES, _BYTES))
