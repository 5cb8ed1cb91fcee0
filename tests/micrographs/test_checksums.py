"""Promise: recorded checksums are those of sha256sum, grow, and never change."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hrtem_shift.errors import InputError
from hrtem_shift.micrographs.checksums import (
    CHECKSUMS,
    read_checksums,
    record_checksums,
    sha256_of,
)

ZEROS, ONES = "0" * 64, "1" * 64

_parts = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="/\\\n\r\0"), min_size=1
).filter(lambda part: part not in {".", ".."})
_names = st.lists(_parts, min_size=1, max_size=3).map("/".join)
_digests = st.text("0123456789abcdefABCDEF", min_size=64, max_size=64)


@settings(max_examples=50, deadline=None)
@given(first=st.dictionaries(_names, _digests), second=st.dictionaries(_names, _digests))
def test_what_is_recorded_is_read_back_sorted(first, second):
    second = {name: digest for name, digest in second.items() if name not in first}
    with TemporaryDirectory() as folder:
        root = Path(folder)
        record_checksums(root, first)
        record_checksums(root, second)
        expected = {name: digest.lower() for name, digest in (first | second).items()}
        assert list(read_checksums(root).items()) == sorted(expected.items())


@pytest.mark.skipif(not shutil.which("sha256sum"), reason="no program sha256sum here")
def test_sha256sum_is_the_oracle_in_both_directions(tmp_path):
    names = ["plain.png", "on C/Ultrathin Carbon/m 1#.dm3", " *odd ", "µ/Labels/m_label.png"]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    record_checksums(tmp_path, {name: sha256_of(tmp_path / name) for name in names})
    check = ["sha256sum", "--check", "--strict", CHECKSUMS]
    assert subprocess.run(check, cwd=tmp_path, capture_output=True, check=False).returncode == 0
    ours = read_checksums(tmp_path)
    sums = ["sha256sum", "--binary", *(f"./{name}" for name in names)]
    theirs = subprocess.run(sums, cwd=tmp_path, capture_output=True, check=True).stdout
    (tmp_path / CHECKSUMS).write_bytes(theirs)
    assert read_checksums(tmp_path) == ours


def test_no_file_is_no_checksum(tmp_path):
    assert read_checksums(tmp_path) == {}


def test_a_recorded_checksum_never_changes(tmp_path):
    record_checksums(tmp_path, {"a/m.tif": ZEROS})
    before = (tmp_path / CHECKSUMS).read_bytes()
    with pytest.raises(InputError, match=rf"a/m\.tif: SHA-256 is {ONES}, recorded is {ZEROS}"):
        record_checksums(tmp_path, {"b.tif": ONES, "a/m.tif": ONES})
    assert (tmp_path / CHECKSUMS).read_bytes() == before


def test_nothing_is_written_when_nothing_is_new(tmp_path):
    record_checksums(tmp_path, {})
    assert not (tmp_path / CHECKSUMS).exists()
    record_checksums(tmp_path, {"m.tif": ZEROS, "n.tif": ONES})
    before = (tmp_path / CHECKSUMS).stat().st_ino
    record_checksums(tmp_path, {"n.tif": ONES.upper()})
    assert (tmp_path / CHECKSUMS).stat().st_ino == before


@pytest.mark.parametrize(
    "line",
    [
        "",
        "# comment",
        f"{ZEROS}",
        f"{ZEROS}  ",
        f"{ZEROS} m.tif",
        f"{ZEROS[1:]}  m.tif",
        f"{ZEROS[1:]}g  m.tif",
        f"\\{ZEROS}  m\\nn.tif",
        f"{ONES}  first.tif",
        f"{ONES}  ./first.tif",
    ],
)
def test_a_malformed_line_is_named(tmp_path, line):
    (tmp_path / CHECKSUMS).write_text(f"{ZEROS}  first.tif\n{line}\n")
    with pytest.raises(InputError, match=rf"{CHECKSUMS}, line 2"):
        read_checksums(tmp_path)


def test_a_file_of_another_encoding_is_refused(tmp_path):
    (tmp_path / CHECKSUMS).write_bytes(f"{ZEROS}  m".encode() + b"\xb5.tif\n")
    with pytest.raises(InputError, match=f"{CHECKSUMS}: cannot be read"):
        read_checksums(tmp_path)


@pytest.mark.parametrize("name", ["a\\b.tif", "a\nb.tif", "a\rb.tif"])
def test_names_that_sha256sum_would_escape_are_refused(tmp_path, name):
    with pytest.raises(InputError, match="a backslash or a line break"):
        record_checksums(tmp_path, {"m.tif": ZEROS, name: ONES})
    assert not (tmp_path / CHECKSUMS).exists()


def test_the_checksum_is_that_of_the_content(tmp_path):
    (tmp_path / "m").write_bytes(b"II*\0")
    assert sha256_of(tmp_path / "m") == hashlib.sha256(b"II*\0").hexdigest()
    with pytest.raises(InputError, match=r"gone: cannot be opened \(No such file"):
        sha256_of(tmp_path / "gone")
