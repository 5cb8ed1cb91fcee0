"""The limit of memory that a container or a batch system sets is the memory there is."""

from __future__ import annotations

import os

import pytest

from hrtem_shift.execution.memory import memory_bytes

MACHINE = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
GIB = 2**30 // 64  # below the memory of any machine


def limited(tmp_path, membership, limits):
    (tmp_path / "cgroup").write_text(membership)
    for path, text in limits.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    return memory_bytes(tmp_path / "cgroup", tmp_path)


@pytest.mark.parametrize(
    "membership, limits, expected",
    [
        ("0::/job/step\n", {"job/step/memory.max": "max\n"}, MACHINE),
        ("0::/job/step\n", {"job/step/memory.max": f"{GIB}\n"}, GIB),
        ("0::/job/step\n", {"job/step/memory.max": "max", "job/memory.max": f"{GIB}"}, GIB),
        ("0::/\n", {"memory.max": f"{GIB}\n"}, GIB),  # in a container
        ("4:memory:/a\n0::/\n", {"memory/a/memory.limit_in_bytes": f"{GIB}"}, GIB),
        ("4:cpu,memory:/not/visible\n", {"memory/memory.limit_in_bytes": f"{GIB}"}, GIB),
        ("4:memory:/a\n", {"memory/a/memory.limit_in_bytes": f"{2**63 - 4096}"}, MACHINE),
        ("3:cpuset:/a\n", {"a/memory.max": f"{GIB}", "memory.max": f"{GIB}"}, MACHINE),
    ],
)
def test_the_lowest_limit_counts(tmp_path, membership, limits, expected):
    assert limited(tmp_path, membership, limits) == expected


def test_a_machine_without_control_groups_has_all_its_memory(tmp_path):
    assert memory_bytes(tmp_path / "none", tmp_path) == MACHINE
    assert 0 < memory_bytes() <= MACHINE
