"""How much memory this process may use: a container or a batch job has less than its machine."""

from __future__ import annotations

import os
from pathlib import Path

MEMBERSHIP, GROUPS = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")


def memory_bytes(membership: Path = MEMBERSHIP, groups: Path = GROUPS) -> int:
    """Memory of the machine, or the lowest limit of the control groups that this process is in.

    Parameters
    ----------
    membership, groups : Path
        Where Linux lists the groups of the process, and their limits; of version 1 and 2.
    """
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    lines = membership.read_text().splitlines() if membership.is_file() else []
    for line in lines:
        _, controllers, group = line.split(":", 2)
        if controllers == "":
            top, name = groups, "memory.max"
        elif "memory" in controllers.split(","):
            top, name = groups / "memory", "memory.limit_in_bytes"
        else:
            continue
        folder = top / group.lstrip("/")
        # A limit holds for all groups below. In a container the own folder may not be visible.
        for each in [folder, *folder.parents][: len(folder.relative_to(top).parts) + 1]:
            limits += _limit(each / name)
    return min(limits)


def _limit(path: Path) -> list[int]:
    """The limit that a file states; none where there is no such file, or it says ``max``."""
    try:
        text = path.read_text().strip()
    except OSError:
        return []
    return [int(text)] if text.isdigit() else []
