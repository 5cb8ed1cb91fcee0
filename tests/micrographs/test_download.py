"""Promise: what is fetched is whole, verified, and inside the folder; or it is not there."""

from __future__ import annotations

import errno
import os
import socket
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from hrtem_shift.errors import InputError, InputErrors
from hrtem_shift.micrographs.download import fetch_missing
from hrtem_shift.micrographs.folder import inspect_folder


class _Quiet(SimpleHTTPRequestHandler):
    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        super().do_GET()

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


class _Cut(_Quiet):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "100000")
        self.end_headers()
        self.wfile.write(b"II*\0")


@pytest.fixture
def source(make_folder):
    """A sound folder with checksums, one name with a space."""
    folder = make_folder(2, "source")
    (folder.root / "images/m1.tif").rename(folder.root / "images/m 1#.tif")
    folder.rows[1]["image"] = "images/m 1#.tif"
    folder.add_checksums()
    folder.write()
    return folder


@pytest.fixture
def serve() -> Iterator:
    """Serve a folder on this machine; gives the address and what was asked for."""
    servers = []

    def start(folder: Path, kind: type[_Quiet] = _Quiet) -> tuple[str, list[str]]:
        handler = type("Handler", (kind,), {"asked": []})
        server = ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(folder)))
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}", handler.asked

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_missing_files_are_fetched_once(source, serve, tmp_path):
    address, asked = serve(source.root)
    root = tmp_path / "raw" / "set"
    fetch_missing(source.metadata, address, root)
    assert len(asked) == 4
    (root / "masks/m0.png").unlink()
    fetch_missing(source.metadata, address + "/", root)
    assert asked[4:] == ["/masks/m0.png"]
    assert inspect_folder(root, source.metadata)["image_sha256"].tolist() == [
        row["image_sha256"] for row in source.rows
    ]
    assert len([path for path in root.rglob("*") if path.is_file()]) == 4


def test_an_absent_file_is_named_and_the_rest_is_kept(source, serve, tmp_path):
    (source.root / "masks/m1.png").unlink()
    with pytest.raises(InputError, match=r"masks/m1\.png: the server answers 404"):
        fetch_missing(source.metadata, serve(source.root)[0], tmp_path / "raw")
    assert sorted(path.name for path in (tmp_path / "raw").rglob("*.*")) == [
        "m 1#.tif",
        "m0.png",
        "m0.tif",
    ]


def test_another_content_is_refused_and_leaves_nothing(source, serve, tmp_path):
    (source.root / "images/m0.tif").write_bytes(b"something else")
    with pytest.raises(InputError, match="another SHA-256"):
        fetch_missing(source.metadata, serve(source.root)[0], tmp_path / "raw")
    assert not [path for path in (tmp_path / "raw").rglob("*") if path.is_file()]


def test_a_cut_connection_is_refused_and_leaves_nothing(source, serve, tmp_path):
    with pytest.raises(InputError, match="cannot be fetched"):
        fetch_missing(source.metadata, serve(source.root, _Cut)[0], tmp_path / "raw")
    assert not [path for path in (tmp_path / "raw").rglob("*") if path.is_file()]


def test_offline_is_said(source, tmp_path):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(InputError, match=r"cannot be fetched.*ingestion\.root"):
            fetch_missing(source.metadata, address, tmp_path / "raw")


def test_a_full_disk_is_said_and_leaves_nothing(source, serve, tmp_path, monkeypatch):
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    address, _ = serve(source.root)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match="disk is full"):
        fetch_missing(source.metadata, address, tmp_path / "raw")
    assert not [path for path in (tmp_path / "raw").rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    "address",
    [
        "http://example.org/a",
        "ftp://example.org",
        "file:///etc",
        "example.org",
        "",
        "https://",
        "http://127.0.0.1.example.org",
        "http://localhost@example.org",
    ],
)
def test_only_https(source, tmp_path, address):
    with pytest.raises(InputError, match="https"):
        fetch_missing(source.metadata, address, tmp_path / "raw")


@pytest.mark.parametrize("name", ["../m.tif", "/etc/passwd", "C:\\m.tif", "a/../../m.tif"])
def test_names_that_lead_out_are_refused_before_anything_is_fetched(source, serve, tmp_path, name):
    address, asked = serve(source.root)
    source.rows[1]["image"] = name
    source.write()
    with pytest.raises(InputErrors, match="may not lead out"):
        fetch_missing(source.metadata, address, tmp_path / "raw")
    assert not asked


def test_missing_checksums_are_all_listed(source, serve, tmp_path):
    address, asked = serve(source.root)
    source.rows[0]["mask_sha256"] = ""
    source.rows[1]["image_sha256"] = "abc"
    source.write()
    with pytest.raises(InputErrors, match="2 faults") as caught:
        fetch_missing(source.metadata, address, tmp_path / "raw")
    assert "row 1" in str(caught.value)
    assert "'abc'" in str(caught.value)
    assert not asked
