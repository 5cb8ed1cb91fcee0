"""A headless Chromium that opens files and tells what happened: Debian's, driven through a pipe.

The DevTools protocol over ``--remote-debugging-pipe`` is JSON with a zero byte behind each
message. That needs no library, no driver and no open port.
"""

import base64
import json
import os
import re
import shutil
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

SECONDS = 60
EXECUTABLE = shutil.which("chromium") or shutil.which("chromium-browser")
needs_chromium = pytest.mark.skipif(
    EXECUTABLE is None, reason="no chromium on this machine: apt-get install chromium"
)

PHONE, DESK = 390, 1280
EVIL = "<script>console.error('ran')</script><img src=x onerror=\"console.error('ran')\">"
LONG = "session_2022-06-15_" + "a" * 80


@dataclass
class Visit:
    """What a page did while it was opened."""

    console: list[str] = field(default_factory=list)
    """Errors and warnings: of scripts, of the security policy, of loads that failed."""
    requests: list[str] = field(default_factory=list)
    """Addresses that it asked for, itself and what it holds in ``data:`` left out."""


class Page:
    """One tab."""

    def __init__(self, browser: "Browser", session: str) -> None:
        self._browser, self._session = browser, session
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method, **parameters):
        return self._browser.call(method, self._session, **parameters)

    def open(self, path: Path, width_px: int, *, dark: bool = False) -> Visit:
        """Open a file on a screen of some width and wait until it is loaded and quiet."""
        size = {"width": width_px, "height": 800, "deviceScaleFactor": 1}
        self.call("Emulation.setDeviceMetricsOverride", **size, mobile=width_px < 600)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.call("Page.navigate", url="about:blank")
        self._browser.wait_for("Page.loadEventFired")
        self._browser.events.clear()
        self.call("Page.navigate", url=path.as_uri())
        self._browser.wait_for("Page.loadEventFired")
        self.evaluate("new Promise(done => setTimeout(done, 100))")
        return self._visit(path.as_uri())

    def _visit(self, address: str) -> Visit:
        visit = Visit()
        for event in self._browser.events:
            found = event.get("params", {})
            match event["method"]:
                case "Runtime.consoleAPICalled":
                    visit.console.append(json.dumps(found["args"]))
                case "Runtime.exceptionThrown":
                    visit.console.append(found["exceptionDetails"]["text"])
                case "Log.entryAdded" if found["entry"]["level"] in {"error", "warning"}:
                    visit.console.append(found["entry"]["text"])
                case "Network.requestWillBeSent":
                    visit.requests.append(found["request"]["url"])
        visit.requests = [
            url for url in visit.requests if url != address and not url.startswith("data:")
        ]
        return visit

    def evaluate(self, expression: str):
        """Value of an expression on the page; the page's security policy does not apply to it."""
        result = self.call(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def screenshot(self) -> bytes:
        """All of the page, as PNG."""
        found = self.call("Page.captureScreenshot", captureBeyondViewport=True)
        return base64.b64decode(found["data"])

    def pdf(self) -> bytes:
        """The page in print, on A4."""
        found = self.call("Page.printToPDF", paperWidth=8.27, paperHeight=11.69)
        return base64.b64decode(found["data"])


class Browser:
    """The process, and the two ends of the pipe."""

    def __init__(self, sends: int, hears: int) -> None:
        self._sends, self._hears = sends, hears
        self._number, self._rest = 0, b""
        self.events: list[dict] = []

    def new_page(self) -> Page:
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        return Page(self, session)

    def call(self, method: str, session: str | None = None, **parameters):
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._sends, data) :]
        while True:
            heard = self._hear()
            if heard.get("id") == self._number:
                assert "error" not in heard, f"{method}: {heard['error']}"
                return heard["result"]

    def wait_for(self, method: str) -> None:
        deadline = time.monotonic() + SECONDS
        while not any(event["method"] == method for event in self.events):
            assert time.monotonic() < deadline, f"no {method}"
            self._hear()

    def _hear(self) -> dict:
        while b"\0" not in self._rest:
            data = os.read(self._hears, 1 << 16)
            assert data, "Chromium has gone"
            self._rest += data
        message, self._rest = self._rest.split(b"\0", 1)
        heard = json.loads(message)
        if "method" in heard:
            self.events.append(heard)
        return heard


@contextmanager
def chromium(folder: Path):
    """Start Chromium with a profile of its own in a folder; it is gone afterwards."""
    to_browser, sends = os.pipe()
    hears, from_browser = os.pipe()
    command = [
        *("bash", "-c", f'exec "$0" "$@" 3<&{to_browser} 4>&{from_browser}', EXECUTABLE),
        *("--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe"),
        *("--no-first-run", "--disable-background-networking", "--disable-dev-shm-usage"),
        f"--user-data-dir={folder / 'profile'}",
    ]
    with subprocess.Popen(
        command,
        pass_fds=(to_browser, from_browser),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        os.close(to_browser)
        os.close(from_browser)
        browser = Browser(sends, hears)
        try:
            yield browser
        finally:
            try:
                browser.call("Browser.close")
                process.wait(SECONDS)
            except (AssertionError, OSError, subprocess.TimeoutExpired):
                process.kill()
            os.close(sends)
            os.close(hears)


def number_of_pages(pdf: bytes) -> int:
    """Pages of a PDF: its objects of type Page."""
    return len(re.findall(rb"/Type\s*/Page\b", pdf))


def assert_quiet_and_fitting(page, file, width_px):
    """No message, no request, a title, and nothing beyond the width of the screen."""
    visit = page.open(file, width_px)
    assert visit.console == []
    assert visit.requests == []
    assert page.evaluate("document.title").strip()
    assert page.evaluate("innerWidth") == width_px
    assert page.evaluate("document.documentElement.scrollWidth") <= width_px
