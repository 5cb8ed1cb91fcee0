"""Files are written whole or not at all."""

import errno
import subprocess

import pytest

from hrtem_shift.errors import InputError
from hrtem_shift.files import atomic_write


def test_a_file_replaces_the_older_one(tmp_path):
    path = tmp_path / "folder" / "table.csv"
    for text in ("old", "new"):
        with atomic_write(path) as temporary:
            temporary.write_text(text)
    assert path.read_text() == "new"
    assert _names(path.parent) == ["table.csv"]


def test_a_folder_replaces_the_older_one(tmp_path):
    path = tmp_path / "network"
    for name in ("old", "new"):
        with atomic_write(path) as temporary:
            temporary.mkdir()
            (temporary / name).write_text("x")
    assert _names(path) == ["new"]


@pytest.mark.parametrize("make", ["file", "folder"])
def test_a_failure_leaves_the_older_one_and_no_litter(tmp_path, make):
    path = tmp_path / "thing"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), atomic_write(path) as temporary:
        if make == "folder":
            temporary.mkdir()
            (temporary / "part").write_text("half")
        else:
            temporary.write_text("half")
        raise ZeroDivisionError
    assert path.read_text() == "old"
    assert _names(tmp_path) == ["thing"]


def test_a_full_disk_is_said_and_the_older_file_kept(small_disk):
    path = small_disk / "data.bin"
    with atomic_write(path) as temporary:
        temporary.write_bytes(b"old")
    with pytest.raises(InputError, match="The disk is full"), atomic_write(path) as temporary:
        temporary.write_bytes(bytes(4 << 20))
    assert path.read_bytes() == b"old"
    assert _names(small_disk) == ["data.bin"]


@pytest.fixture
def small_disk(tmp_path):
    """A real disk of 1 MiB."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(tmp_path)]
    try:
        made = subprocess.run(mount, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("no mount command here: the full-disk test needs a small tmpfs")
    if made.returncode:
        pytest.skip(f"may not mount a small tmpfs here: {made.stderr.strip()}")
    yield tmp_path
    subprocess.run(["umount", str(tmp_path)], check=True)


def test_a_disk_error_that_is_not_the_users_stays_itself(tmp_path):
    with pytest.raises(OSError, match="odd") as caught, atomic_write(tmp_path / "x"):
        raise OSError(errno.EIO, "odd")
    assert not isinstance(caught.value, InputError)


def _names(folder):
    return [item.name for item in folder.iterdir()]
