"""Whether the `kedro run` that opened an MLflow run still lives.

A run of this host lives as long as its process. A run of another host lives as long as its
heartbeat is younger than `STALE`: whoever writes renews it every `HEARTBEAT_SECONDS`.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

HEARTBEAT_SECONDS = 60
STALE = timedelta(hours=1)


def signs_of_life() -> dict[str, str]:
    """Tags of a run that this process owns."""
    return {"host": socket.gethostname(), "pid": str(os.getpid()), "heartbeat": heartbeat()}


def heartbeat() -> str:
    """Now, as a tag."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def lives(tags: Mapping[str, str]) -> bool:
    """Whether the owner of a run with these tags still lives."""
    if tags["host"] == socket.gethostname():
        return _process_lives(int(tags["pid"]))
    beat = tags.get("heartbeat")
    return beat is not None and datetime.now(UTC) - datetime.fromisoformat(beat) < STALE


def _process_lives(pid: int) -> bool:
    """Whether another process has this number; what this process opened before is over."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return pid != os.getpid()
