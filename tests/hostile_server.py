"""A web server on this machine that can do wrong, in every way that is known of real ones.

It serves `files` (path -> bytes) as good servers do: kept connections, ETag, Range, If-Range.
`faults` (path -> callables) go wrong first, one a request; `itertools.repeat(fault)` always.
"""

from __future__ import annotations

import hashlib
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

PAGE = b"<!DOCTYPE html><html><body>Please log in</body></html>"


class HostileServer(ThreadingHTTPServer):
    """Files, faults, and what was asked and sent."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.address = f"http://127.0.0.1:{self.server_port}"
        self.files: dict[str, bytes] = {}
        self._faults: dict[str, Iterator[Fault]] = {}
        self.asked: list[str] = []
        self.ranges: dict[str, list[str | None]] = defaultdict(list)
        self.if_ranges: dict[str, list[str | None]] = defaultdict(list)
        self.sent_bytes: Counter[str] = Counter()
        self.connections = 0
        self.stopped = threading.Event()

    def fault(self, path: str, faults: Iterable[Fault]) -> None:
        self._faults[path] = iter(faults)

    def next_fault(self, path: str) -> Fault:
        return next(self._faults.get(path, iter(())), good)

    def process_request(self, *connection) -> None:
        self.connections += 1
        super().process_request(*connection)

    def handle_error(self, request, client_address) -> None:
        """Clients that go away are what this server is for."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: HostileServer

    def do_GET(self) -> None:
        self.name = unquote(self.path).lstrip("/")
        self.server.asked.append(self.requestline.split()[1])  # self.path has lost a second /
        self.server.ranges[self.name].append(self.headers.get("Range"))
        self.server.if_ranges[self.name].append(self.headers.get("If-Range"))
        self.server.next_fault(self.name)(self)

    @property
    def content(self) -> bytes | None:
        return self.server.files.get(self.name)

    def begin(self, status: int, **headers: str | int) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()

    def send(self, body: bytes) -> None:
        self.wfile.write(body)
        self.server.sent_bytes[self.name] += len(body)

    def hang_up(self) -> None:
        self.close_connection = True

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


Fault = Callable[[_Handler], None]


def tag_of(content: bytes) -> str:
    return f'"{hashlib.sha256(content).hexdigest()[:16]}"'


def good(handler: _Handler) -> None:
    _answer(handler)


def cut(after: int, **headers: str | int) -> Fault:
    """Hang up after so many bytes of the body."""
    return lambda handler: _answer(handler, after, **headers)


def stall(after: int) -> Fault:
    """Say nothing more after so many bytes of the body, for as long as the server lives."""

    def fault(handler: _Handler) -> None:
        _answer(handler, after)
        handler.server.stopped.wait(30)

    return fault


def _answer(handler: _Handler, after: int | None = None, **more: str | int) -> None:
    """What a good server answers, or only `after` bytes of its body, with other headers."""
    content = handler.content
    if content is None:
        return handler.begin(404, Content_Length=0)
    if handler.headers["Accept-Encoding"] != "identity":  # parts of what is compressed do not fit
        return handler.begin(406, Content_Length=0)
    tag, wanted = tag_of(content), handler.headers.get("Range")
    if handler.headers.get("If-Range", tag) != tag:
        wanted = None
    first = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted else 0
    if wanted and first >= len(content):
        return handler.begin(416, Content_Range=f"bytes */{len(content)}", Content_Length=0)
    body = content[first:]
    headers: dict[str, str | int] = {"Content_Length": len(body), "ETag": tag}
    if wanted:
        headers["Content_Range"] = f"bytes {first}-{len(content) - 1}/{len(content)}"
    handler.begin(206 if wanted else 200, **headers | more)
    handler.send(body[:after])
    if after is not None:
        handler.hang_up()


def whole(**headers: str | int) -> Fault:
    """Ignore Range; with other headers, or without an ETag."""

    def fault(handler: _Handler) -> None:
        handler.begin(200, **{"Content_Length": len(handler.content or b"")} | headers)
        handler.send(handler.content or b"")
        handler.hang_up()  # Content-Length may have lied

    return fault


def part(surplus: bytes = b"", shift: int = 0, **headers: str | int) -> Fault:
    """Answer 206 with the rest and a surplus, another part, or headers that are wrong."""

    def fault(handler: _Handler) -> None:
        content = handler.content or b""
        first = int(handler.headers["Range"].removeprefix("bytes=").removesuffix("-")) + shift
        last = len(content) - 1 + shift
        right: dict[str, str | int] = {
            "Content_Length": last + 1 - first + len(surplus),
            "Content_Range": f"bytes {first}-{last}/{len(content)}",
            "ETag": tag_of(content),
        }
        handler.begin(206, **right | headers)
        handler.send(content[first : last + 1] + surplus)
        handler.hang_up()

    return fault


def status(code: int, **headers: str | int) -> Fault:
    return lambda handler: handler.begin(code, Content_Length=0, **headers)


def redirect(location: str) -> Fault:
    return status(302, Location=location)


def page(handler: _Handler) -> None:
    """What a portal sends to who is not logged in: 200, and no image."""
    handler.begin(200, Content_Length=len(PAGE), Content_Type="text/html")
    handler.send(PAGE)


def chunked(handler: _Handler) -> None:
    """The whole file, its length not declared."""
    handler.begin(200, Transfer_Encoding="chunked", ETag=tag_of(handler.content or b""))
    _chunk(handler, handler.content or b"")
    handler.wfile.write(b"0\r\n\r\n")


def endless(handler: _Handler) -> None:
    """Zeros until the client has enough."""
    _zeros(handler, 200)


def endless_redirect(location: str) -> Fault:
    """Lead elsewhere, with zeros until the client goes there."""
    return lambda handler: _zeros(handler, 302, Location=location)


def _zeros(handler: _Handler, code: int, **headers: str) -> None:
    handler.begin(code, Transfer_Encoding="chunked", **headers)
    while not handler.server.stopped.is_set():
        _chunk(handler, bytes(1 << 16))


def _chunk(handler: _Handler, body: bytes) -> None:
    handler.wfile.write(f"{len(body):x}\r\n".encode())
    handler.send(body)
    handler.wfile.write(b"\r\n")


@contextmanager
def serving() -> Iterator[HostileServer]:
    """A server that runs meanwhile."""
    with HostileServer() as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield server
        finally:
            server.stopped.set()
            server.shutdown()
