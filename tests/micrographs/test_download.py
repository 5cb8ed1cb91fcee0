"""Promise: what is fetched is whole, checked, and inside the folder; or it is not there."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import cycle, repeat
from pathlib import Path

import gatan_files
import numpy as np
import pytest
import requests
from hostile_server import (
    PAGE,
    HostileServer,
    chunked,
    cut,
    endless,
    endless_redirect,
    good,
    page,
    part,
    redirect,
    serving,
    stall,
    status,
    tag_of,
    whole,
)
from PIL import Image

from hrtem_shift.errors import InputError, InputErrors
from hrtem_shift.micrographs import allowed_hosts, http_file
from hrtem_shift.micrographs.download import LOCK, fetch_missing
from hrtem_shift.micrographs.readers import read_image

FILE = "2021_08_26 5nm Au nanoparticles on C/Ultrathin Carbon/m 1#?%.dm3"
LABEL = "2021_08_26 5nm Au nanoparticles on C/Ultrathin Carbon/Labels/m 1#?%_label.png"
OTHER = "2022_02_02 20nm Ag/n.dm3"
CONTENT = np.random.default_rng(3).bytes(300_000)


@pytest.fixture
def server() -> Iterator[HostileServer]:
    with serving() as running:
        running.files = {FILE: CONTENT, LABEL: b"label", OTHER: b"other"}
        yield running


@pytest.fixture(autouse=True)
def waits(monkeypatch) -> list[float]:
    """Impatience; gives the seconds that were waited for."""
    waited: list[float] = []
    monkeypatch.setattr(http_file, "sleep", waited.append)
    monkeypatch.setattr(http_file, "CHUNK_BYTES", 1000)
    monkeypatch.setattr(allowed_hosts, "READ_TIMEOUT_S", 0.2)
    return waited


@pytest.fixture
def elsewhere(server, monkeypatch) -> None:
    """Let the server answer for the https hosts data.example and cdn.example, without TLS."""
    send = requests.adapters.HTTPAdapter.send

    def rewritten(self, request, **options):
        for host in ("data.example", "cdn.example"):
            request.url = request.url.replace(f"https://{host}", server.address)
        return send(self, request, **options)

    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", rewritten)


def fetch(server: HostileServer, root: Path, *names: str, **options) -> None:
    defaults = {"base_url": server.address, "allowed_hosts": [], "validate": Path.read_bytes}
    files = dict.fromkeys(names or [FILE], "")
    fetch_missing(**{"files": files, "root": root, **defaults, **options})


def in_folder(root: Path) -> dict[str, bytes]:
    """What the folder holds besides the lock, hidden files included."""
    paths = [path for path in root.rglob("*") if path.is_file() and path.name != LOCK]
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in paths}


def only_fault(caught: pytest.ExceptionInfo[InputErrors]) -> InputError:
    (fault,) = caught.value.errors
    return fault


def test_missing_files_are_fetched_once_over_one_connection(server, tmp_path):
    root = tmp_path / "raw" / "set"
    fetch(server, root, FILE, LABEL, OTHER)
    assert in_folder(root) == server.files
    assert (len(server.asked), server.connections) == (3, 1)
    (root / LABEL).unlink()
    fetch(server, root, FILE, LABEL, OTHER, base_url=server.address + "/")
    assert in_folder(root) == server.files
    assert server.asked[3:] == [server.asked[1]]


def test_a_complete_folder_is_not_touched(server, tmp_path):
    (tmp_path / "m.tif").write_bytes(b"mine")
    fetch(server, tmp_path, "m.tif")
    assert [path.name for path in tmp_path.iterdir()] == ["m.tif"]
    assert not server.asked


def test_files_are_decoded_before_they_get_their_names(server, tmp_path):
    pixels = np.random.default_rng(1).normal(900, 30, (16, 16)).astype("f4")
    dm3 = gatan_files.write_dm(tmp_path / "m.dm3", [gatan_files.image_tags(pixels)])
    Image.fromarray(np.eye(16, dtype=np.uint8) * 255).save(tmp_path / "label.png")
    server.files = {FILE: dm3.read_bytes(), LABEL: (tmp_path / "label.png").read_bytes()}
    fetch(server, tmp_path / "raw", FILE, LABEL, validate=read_image)
    assert in_folder(tmp_path / "raw") == server.files


class TestResume:
    """What has arrived is not asked for again."""

    @pytest.mark.parametrize("fault", [cut, stall])
    def test_a_broken_connection_goes_on_where_it_broke(self, server, tmp_path, waits, fault):
        server.fault(FILE, [fault(50_000), fault(70_000)])
        fetch(server, tmp_path)
        assert in_folder(tmp_path) == {FILE: CONTENT}
        assert server.sent_bytes[FILE] == len(CONTENT)
        assert server.ranges[FILE] == [None, "bytes=50000-", "bytes=120000-"]
        assert waits == [1, 1]  # anew after each success

    def test_many_breaks_do_not_end_it_while_something_new_comes(self, server, tmp_path):
        server.fault(FILE, repeat(cut(10_000), 29))
        fetch(server, tmp_path)
        assert server.sent_bytes[FILE] == len(CONTENT)
        assert in_folder(tmp_path) == {FILE: CONTENT}

    def test_a_killed_run_goes_on_where_it_was(self, server, tmp_path):
        server.fault(FILE, [stall(200_000)])
        script = (
            "import sys; from pathlib import Path\n"
            "from hrtem_shift.micrographs.download import fetch_missing\n"
            "from hrtem_shift.micrographs import http_file; http_file.CHUNK_BYTES = 50_000\n"
            "fetch_missing({sys.argv[1]: ''}, sys.argv[2], Path(sys.argv[3]), "
            "allowed_hosts=[], validate=Path.read_bytes)"
        )
        arguments = [sys.executable, "-c", script, FILE, server.address, str(tmp_path)]
        partial = (tmp_path / FILE).with_name(f".{Path(FILE).name}.part")
        with subprocess.Popen(arguments) as run:
            deadline = time.monotonic() + 30
            while not (partial.is_file() and partial.stat().st_size == 200_000):
                assert run.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.01)
            run.send_signal(signal.SIGKILL)
        assert set(in_folder(tmp_path)) == {
            partial.relative_to(tmp_path).as_posix(),
            partial.relative_to(tmp_path).as_posix() + ".json",
        }
        fetch(server, tmp_path)
        assert in_folder(tmp_path) == {FILE: CONTENT}
        assert server.sent_bytes[FILE] == len(CONTENT)

    def test_a_run_stopped_before_the_check_asks_for_nothing(self, server, tmp_path):
        def stopped(path: Path) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            fetch(server, tmp_path, validate=stopped)
        assert FILE not in in_folder(tmp_path)
        fetch(server, tmp_path)
        assert in_folder(tmp_path) == {FILE: CONTENT}
        assert len(server.asked) == 1


class TestStartAnew:
    """Parts of two versions are never joined."""

    def changed(self, server: HostileServer, then: object = good) -> None:
        """Cut the file off, and serve another one of the same length from then on."""

        def change(handler) -> None:
            server.files[FILE] = CONTENT[::-1]
            then(handler)

        server.fault(FILE, [cut(50_000), change])

    def test_of_a_file_that_changed(self, server, tmp_path):
        self.changed(server)
        fetch(server, tmp_path)
        assert server.if_ranges[FILE] == [None, tag_of(CONTENT)]
        assert in_folder(tmp_path) == {FILE: CONTENT[::-1]}

    def test_of_a_file_that_changed_on_a_server_that_ignores_if_range(self, server, tmp_path):
        self.changed(server, then=part())
        fetch(server, tmp_path)
        assert in_folder(tmp_path) == {FILE: CONTENT[::-1]}

    @pytest.mark.parametrize(
        "answer",
        [
            whole(),
            status(416),
            part(shift=-1000),
            part(Content_Range="bytes 50000-299999/400000"),
            part(Content_Range="bytes 50000-299999/*"),
            part(Content_Range="elephants"),
            part(Content_Length=1),
            part(surplus=b"and more"),
        ],
    )
    def test_where_the_rest_does_not_fit(self, server, tmp_path, answer):

        def to_ranges(handler) -> None:
            (answer if "Range" in handler.headers else good)(handler)

        server.fault(FILE, [cut(50_000), *repeat(to_ranges, 2)])
        fetch(server, tmp_path)
        assert in_folder(tmp_path) == {FILE: CONTENT}

    @pytest.mark.parametrize(
        "headers",
        [
            {"ETag": 'W/"1"'},
            {"Content_Encoding": "none"},
        ],
    )
    def test_where_the_version_is_not_known(self, server, tmp_path, headers):
        server.fault(FILE, [cut(50_000, **headers)])
        fetch(server, tmp_path)
        assert in_folder(tmp_path) == {FILE: CONTENT}
        assert server.ranges[FILE] == [None, None]

    def test_a_date_tells_versions_where_there_is_no_strong_tag(self, server, tmp_path):
        dated = {"Last_Modified": "Mon, 01 Jan 2024 00:00:00 GMT", "ETag": 'W/"1"'}
        server.fault(FILE, [cut(50_000, **dated), part(**dated)])
        fetch(server, tmp_path)
        assert server.if_ranges[FILE] == [None, dated["Last_Modified"]]
        assert in_folder(tmp_path) == {FILE: CONTENT}
        assert server.sent_bytes[FILE] == len(CONTENT)


class TestPatience:
    """Some failures pass."""

    @pytest.mark.parametrize("code", [429, 500, 502, 503, 504])
    def test_a_busy_server_is_asked_again_later(self, server, tmp_path, waits, code):
        server.fault(FILE, repeat(status(code), 3))
        fetch(server, tmp_path)
        assert in_folder(tmp_path) == {FILE: CONTENT}
        assert waits == [1, 2, 4]

    def test_the_server_says_when(self, server, tmp_path, waits):
        in_a_minute = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
        ago = "Wed, 01 Jan 2020 00:00:00 GMT"
        answers = ["7", "86400", in_a_minute, ago, "soon"]
        server.fault(FILE, [status(503, Retry_After=answer) for answer in answers])
        fetch(server, tmp_path)
        assert waits == [7, http_file.LONGEST_DELAY_S, pytest.approx(60, abs=3), 0, 16]

    def test_a_server_that_stays_busy_stops_it_at_once(self, server, tmp_path, waits):
        server.fault(FILE, repeat(status(503)))
        with pytest.raises(InputError, match=r"m%201.*answers 503, 6 times in a row"):
            fetch(server, tmp_path, FILE, OTHER)
        assert len(server.asked) == 6
        assert waits == [1, 2, 4, 8, 16]

    def test_offline_is_reported(self, tmp_path, waits):
        with serving() as gone:
            pass
        with pytest.raises(InputError, match=r"cannot be reached.*ingestion\.root"):
            fetch(gone, tmp_path, FILE, OTHER)
        assert waits == [1, 2, 4, 8, 16]

    def test_a_length_that_is_not_declared_is_fine(self, server, tmp_path):
        server.fault(FILE, [chunked])
        fetch(server, tmp_path)
        assert in_folder(tmp_path) == {FILE: CONTENT}

    def test_the_same_bytes_over_and_over_are_nothing_new(self, server, tmp_path):
        server.fault(FILE, cycle([cut(10_000, ETag=""), cut(20_000, ETag="")]))
        with pytest.raises(InputErrors, match="broke after 10000 of 300000 bytes"):
            fetch(server, tmp_path)
        assert len(server.asked) == 7


class TestFaultsOfOneFile:
    """They are listed at the end; the others are fetched."""

    @pytest.mark.parametrize(
        ("code", "message"),
        [
            (401, r"refuses access .*401.*Fetch it by hand to .*m 1#\?%\.dm3.*ingestion\.root"),
            (403, r"refuses access .*403.*Fetch it by hand to "),
            (404, r"has no such file .*404.*base_url"),
            (451, r"answers 451"),
        ],
    )
    def test_refusals_are_final(self, server, tmp_path, waits, code, message):
        server.fault(FILE, repeat(status(code)))
        with pytest.raises(InputErrors, match=rf"m%201%23%3F%25\.dm3: the server {message}"):
            fetch(server, tmp_path, FILE, OTHER)
        assert in_folder(tmp_path) == {OTHER: b"other"}
        assert (len(server.asked), waits) == (2, [])

    def test_all_are_listed(self, server, tmp_path):
        server.fault(FILE, [status(403)])
        server.fault(OTHER, [page])
        expected = {FILE: "", OTHER: hashlib.sha256(b"other").hexdigest(), "gone.png": ""}
        with pytest.raises(InputErrors, match="3 faults") as caught:
            fetch(server, tmp_path, files={**expected, LABEL: ""})
        assert [fault.where.rpartition("/")[2] for fault in caught.value.errors] == [
            "m%201%23%3F%25.dm3",
            "n.dm3",
            "gone.png",
        ]
        assert in_folder(tmp_path) == {LABEL: b"label"}

    def test_another_content_is_refused_and_leaves_nothing(self, server, tmp_path):
        expected = hashlib.sha256(b"what was meant").hexdigest()
        found = hashlib.sha256(CONTENT).hexdigest()
        with pytest.raises(InputErrors, match=f"{found}, expected {expected}"):
            fetch(server, tmp_path, files={FILE: expected.upper()})
        assert in_folder(tmp_path) == {}
        fetch(server, tmp_path, files={FILE: found.upper()})
        assert in_folder(tmp_path) == {FILE: CONTENT}

    def test_a_page_instead_of_an_image_is_refused_with_the_readers_words(self, server, tmp_path):
        server.fault(FILE, [page])
        with pytest.raises(InputErrors) as caught:
            fetch(server, tmp_path, validate=read_image)
        fault = only_fault(caught)
        assert fault.where.startswith(server.address)
        assert "not a dm3" in fault.what
        assert str(PAGE[:8]) in fault.what
        assert in_folder(tmp_path) == {}

    @pytest.mark.parametrize(
        ("declared", "message"),
        [
            (10, "SHA-256 of what arrived is"),
            (len(CONTENT) + 10, "broke after 300000 of 300010 bytes .*, 6 times in a row"),
            ("elephants", "a length that is not a number, 6 times in a row"),
            ("9" * 5000, "a length that is not a number, 6 times in a row"),
        ],
    )
    def test_a_wrong_length_is_found(self, server, tmp_path, declared, message):
        server.fault(FILE, repeat(whole(Content_Length=declared)))
        expected = hashlib.sha256(CONTENT).hexdigest()
        with pytest.raises(InputErrors, match=message):
            fetch(server, tmp_path, files={FILE: expected, OTHER: ""})
        assert in_folder(tmp_path)[OTHER] == b"other"
        assert FILE not in in_folder(tmp_path)

    def test_a_file_that_never_comes_whole_is_named(self, server, tmp_path, waits):
        server.fault(FILE, [cut(1000), *repeat(cut(0), 5)])
        with pytest.raises(InputErrors, match=r"broke after 1000 of 300000 bytes.*6 times"):
            fetch(server, tmp_path, FILE, OTHER)
        assert waits == [1, 2, 4, 8, 16]
        assert in_folder(tmp_path)[OTHER] == b"other"
        fetch(server, tmp_path)  # the part was kept
        assert server.sent_bytes[FILE] == len(CONTENT)

    @pytest.mark.parametrize("fault", [endless, whole(Content_Length=len(CONTENT) + 1)])
    def test_too_large_a_file_is_refused(self, server, tmp_path, monkeypatch, fault):
        monkeypatch.setattr(http_file, "MAX_BYTES", len(CONTENT))
        server.fault(FILE, [fault])
        with pytest.raises(InputErrors, match="sends more than"):
            fetch(server, tmp_path)
        assert in_folder(tmp_path) == {}


class TestHosts:
    """Only named hosts are asked, and only over https."""

    def test_a_named_host_may_redirect_to_another(self, server, elsewhere, tmp_path):
        server.fault(FILE, [redirect("https://cdn.example/" + OTHER.replace(" ", "%20"))])
        hosts = ["Data.example", "cdn.example"]
        fetch(server, tmp_path, base_url="https://data.example", allowed_hosts=hosts)
        assert in_folder(tmp_path) == {FILE: b"other"}

    def test_redirects_may_be_relative(self, server, tmp_path):
        server.fault(FILE, [redirect("/moved/here")])
        server.fault("moved/here", [redirect("../" + OTHER.replace(" ", "%20"))])
        fetch(server, tmp_path)
        assert in_folder(tmp_path) == {FILE: b"other"}

    @pytest.mark.parametrize(
        ("location", "message"),
        [
            ("https://evil.example/m.dm3", "on the host 'evil.example', allowed are: data"),
            ("https://evil.example\\@data.example/", "on the host 'evil.example'"),
            ("http://data.example/m.dm3", "is not an https address"),
            ("http://127.0.0.1/m.dm3", "is not an https address"),
            ("file:///etc/passwd", "is not an https address"),
            ("https://[::bad", "is not an https address"),
        ],
    )
    def test_a_redirect_elsewhere_is_refused(self, server, elsewhere, tmp_path, location, message):
        server.fault(FILE, repeat(redirect(location)))
        with pytest.raises(InputErrors, match=f"redirects.*{message}.*allowed_hosts"):
            fetch(server, tmp_path, base_url="https://data.example", allowed_hosts=["data.example"])
        assert len(server.asked) == 1
        assert in_folder(tmp_path) == {}

    def test_the_page_that_comes_with_a_redirect_is_not_read(self, server, tmp_path):
        server.fault(FILE, [endless_redirect("/" + OTHER.replace(" ", "%20"))])
        fetch(server, tmp_path)
        assert in_folder(tmp_path) == {FILE: b"other"}

    @pytest.mark.parametrize(("times", "fetched"), [(5, True), (6, False)])
    def test_redirects_end(self, server, tmp_path, times, fetched):
        hops = [f"hop{n}" for n in range(times)]
        for hop, then in zip(hops, [*hops[1:], OTHER.replace(" ", "%20")], strict=True):
            server.fault(hop, [redirect(f"/{then}")])
        if fetched:
            fetch(server, tmp_path, hops[0])
            assert in_folder(tmp_path) == {hops[0]: b"other"}
        else:
            with pytest.raises(InputErrors, match="redirects more than 5 times"):
                fetch(server, tmp_path, hops[0])

    @pytest.mark.parametrize(
        "base_url",
        [
            "http://data.example/a",
            "ftp://data.example",
            "file:///etc",
            "data.example",
            "",
            "https://",
            "http://127.0.0.1.example.org",
            "http://localhost@data.example",
            "https://other.example",
            "https://data.example@other.example",
            "https://other.example\\@data.example",
        ],
    )
    def test_other_addresses_are_refused(self, server, tmp_path, base_url):
        with pytest.raises(InputError, match=r"^base_url: .*https.*allowed_hosts"):
            fetch(server, tmp_path / "raw", base_url=base_url, allowed_hosts=["data.example"])
        assert not (tmp_path / "raw").exists()


class TestNames:
    """Names come from others; nothing is fetched before all of them are fine."""

    @pytest.mark.parametrize(
        "name",
        ["../m.tif", "/etc/m.tif", "C:\\m.tif", "a/../../m.tif", "a\0.tif", "", "link/m.tif"],
    )
    def test_names_that_lead_out_are_refused(self, server, tmp_path, name):
        root = tmp_path / "raw"
        root.mkdir()
        (root / "link").symlink_to(tmp_path)
        with pytest.raises(InputErrors, match="may not lead out"):
            fetch(server, root, name, OTHER)
        assert not server.asked
        assert [path.name for path in tmp_path.rglob("*")] == ["raw", "link"]

    @pytest.mark.parametrize("name", [".", "kept", "2022_02_02 20nm Ag", "x" * 300])
    def test_a_folder_is_never_replaced_by_a_file(self, server, tmp_path, name):
        (tmp_path / "kept").mkdir()
        (tmp_path / "kept/m.tif").write_bytes(b"mine")
        with pytest.raises(InputErrors, match="cannot be kept"):
            fetch(server, tmp_path, name, OTHER)
        assert not server.asked
        assert in_folder(tmp_path) == {"kept/m.tif": b"mine"}

    def test_the_root_itself_is_no_file(self, server, tmp_path):
        with pytest.raises(InputErrors, match="cannot be kept"):
            fetch(server, tmp_path / "raw", ".")
        assert not server.asked

    def test_all_faults_are_listed(self, server, tmp_path):
        files = {"../m.tif": "", FILE: "abc", "/m.tif": "", OTHER: ""}
        with pytest.raises(InputErrors, match="3 faults") as caught:
            fetch(server, tmp_path, files=files)
        assert "'abc'" in str(caught.value)
        assert not server.asked

    def test_a_file_in_the_place_of_a_folder_is_named(self, server, tmp_path):
        (tmp_path / "2022_02_02 20nm Ag").write_bytes(b"mine")
        with pytest.raises(InputErrors, match=r"n\.dm3: cannot be stored \("):
            fetch(server, tmp_path, OTHER, LABEL)
        assert in_folder(tmp_path) == {"2022_02_02 20nm Ag": b"mine", LABEL: b"label"}


class TestDisk:
    """A disk or another run in the way."""

    def test_a_full_disk_is_reported_and_what_arrived_is_kept(self, server, tmp_path, monkeypatch):
        fetch(server, tmp_path, OTHER)
        room = [100_000]

        def written(self, *arguments, **options):
            file = opened(self, *arguments, **options)
            return _Full(file, room) if self.suffix == ".part" else file

        opened = Path.open
        with monkeypatch.context() as small:
            small.setattr(Path, "open", written)
            with pytest.raises(InputError, match=r"m 1#\?%\.dm3: .*The disk is full"):
                fetch(server, tmp_path, FILE, LABEL)
        assert in_folder(tmp_path)[OTHER] == b"other"
        fetch(server, tmp_path, FILE)
        assert in_folder(tmp_path) == {FILE: CONTENT, OTHER: b"other"}
        assert server.ranges[FILE] == [None, "bytes=100000-"]

    def test_a_second_run_in_the_same_folder_is_refused(self, server, tmp_path):
        with (tmp_path / LOCK).open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH)
            with pytest.raises(InputError, match="another run is fetching"):
                fetch(server, tmp_path)
        assert not server.asked
        fetch(server, tmp_path)
        assert in_folder(tmp_path) == {FILE: CONTENT}

    def test_a_disk_without_locks_is_used_with_a_warning(
        self, server, tmp_path, monkeypatch, caplog
    ):
        def unlocked(*arguments: object) -> None:
            raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

        monkeypatch.setattr(fcntl, "flock", unlocked)
        fetch(server, tmp_path)
        assert "cannot be locked (No locks available)" in caplog.text
        assert in_folder(tmp_path) == {FILE: CONTENT}

    def test_a_root_that_cannot_be_made_is_reported(self, server, tmp_path):
        (tmp_path / "raw").write_bytes(b"")
        with pytest.raises(InputError, match="raw: cannot be written to"):
            fetch(server, tmp_path / "raw")


class _Full:
    """A file on a disk that fills up."""

    def __init__(self, file, room: list[int]) -> None:
        self.file, self.room = file, room

    def __enter__(self):
        return self

    def __exit__(self, *error: object) -> None:
        self.file.close()

    def __getattr__(self, name: str) -> object:
        return getattr(self.file, name)

    def write(self, chunk: bytes) -> int:
        self.room[0] -= len(chunk)
        if self.room[0] < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return self.file.write(chunk)
