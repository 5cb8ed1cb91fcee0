"""Whether the `kedro run` that opened an MLflow run is still alive.

It is alive as long as its heartbeat, which it renews every `HEARTBEAT_SECONDS`, is younger than
`STALE`; on this host its process is looked up, too. The number of a process alone says little:
after a restart it may be that of another program.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

HEARTBEAT_SECONDS = 60
STALE = timedelta(hours=1)


def owner_tags() -> dict[str, str]:
    """Tags of a run that this process opens."""
    return {"host": socket.gethostname(), "pid": str(os.getpid()), "heartbeat": heartbeat()}


def heartbeat() -> str:
    """The present time, as a tag."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def is_alive(tags: Mapping[str, str]) -> bool:
    """Whether another process, which opened a run with these tags, is still alive."""
    beat = tags.get("heartbeat")
    recent = beat is not None and datetime.now(UTC) - datetime.fromisoformat(beat) < STALE
    here = tags["host"] == socket.gethostname()
    return recent and (not here or _is_another_process(int(tags["pid"])))


def _is_another_process(pid: int) -> bool:
    """Whether a process with this number exists; this process has ended its earlier runs."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return pid != os.getpid()
