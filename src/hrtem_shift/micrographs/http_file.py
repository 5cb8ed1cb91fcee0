"""Resumable download of one file.

What has arrived stays in a partial file. The next attempt, or the next run after a killed one,
asks for the rest of the same version (RFC 9110, sections 13.1.5 and 14). Where the server has
another version by now, or does not serve parts, the file starts anew.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from time import sleep

import requests

from hrtem_shift.errors import InputError
from hrtem_shift.micrographs.allowed_hosts import AllowedHosts, NotAllowed
from hrtem_shift.micrographs.partial_file import PartialFile, Version

logger = logging.getLogger(__name__)

MAX_BYTES = 2 << 30
ATTEMPTS = 6  # that fail in a row; counted anew whenever something new came
FIRST_DELAY_S = 1.0  # doubled after each of them
LONGEST_DELAY_S = 120.0  # even where a server asks for more
CHUNK_BYTES = 1 << 16
_NUMBER = re.compile(r"[0-9]{1,18}")
_BUSY = {429, 500, 502, 503, 504}
_AGAIN = "run the same command again: what has arrived is kept"

Report = Callable[[int, int | None], None]
"""``report(bytes that are here, bytes of the whole file or None)``."""


class FileFault(InputError):
    """This file cannot be fetched; others of the same server may be."""


class _Interruption(Exception):
    """A temporary failure: retried after the time that the server asks for, or a growing one."""

    def __init__(self, what: str, *, wait_s: float | None = None, of_server: bool = False) -> None:
        super().__init__(what)
        self.wait_s, self.of_server = wait_s, of_server


@dataclass(frozen=True)
class Download:
    """A file to fetch, resuming with the part that is there, until it is complete.

    Parameters
    ----------
    hosts : AllowedHosts
        Session.
    address : str
        URL, percent-encoded.
    partial : PartialFile
        Holds every byte at the end.
    report : callable
        Receives the progress.
    """

    hosts: AllowedHosts
    address: str
    partial: PartialFile
    report: Report

    def run(self) -> None:
        """Try until every byte has arrived.

        Raises
        ------
        FileFault
            The server refuses the file, redirects to a host that is not allowed, sends more than
            `MAX_BYTES`, or after all attempts not what it declares.
        InputError
            The server cannot be reached or is busy; nor would be other files.
        OSError
            The partial file cannot be written.
        """
        failures, farthest = 0, self.partial.size_bytes
        while True:
            try:
                return self._attempt()
            except _Interruption as interruption:
                failures = failures + 1 if self.partial.size_bytes <= farthest else 1
                farthest = max(farthest, self.partial.size_bytes)
                if failures >= ATTEMPTS:
                    raise (InputError if interruption.of_server else FileFault)(
                        f"{interruption}, {ATTEMPTS} times in a row",
                        where=self.address,
                        why=self._missing,
                        fix="Check the network, or name a local folder with ingestion.root; "
                        + _AGAIN,
                    ) from interruption
                asked_s = interruption.wait_s
                delay_s = FIRST_DELAY_S * 2 ** (failures - 1) if asked_s is None else asked_s
                delay_s = min(delay_s, LONGEST_DELAY_S)
                logger.info("%s: %s, retry in %.0f s", self.address, interruption, delay_s)
                sleep(delay_s)

    def _attempt(self) -> None:
        version = self.partial.version
        kept = self.partial.size_bytes if version else 0
        if version and kept == version.total_bytes:
            return  # the run before was stopped between the last byte and the check
        headers = {"Accept-Encoding": "identity"}  # ranges and lengths count the file's own bytes
        if version and kept:
            headers |= {"Range": f"bytes={kept}-", "If-Range": version.validator}
        try:
            response = self.hosts.answer(self.address, headers)
        except NotAllowed as error:
            fix = "Check base_url; if you trust the host, add it to allowed_hosts; then " + _AGAIN
            raise self._refusal(f"the server redirects: {error}", fix) from error
        except requests.RequestException as error:
            what = f"the server cannot be reached ({type(error).__name__})"
            raise _Interruption(what, of_server=True) from error
        with response:
            if response.status_code == 200:
                total = _declared_bytes(response)
                self.partial.start(_version_of(response, total))
                self._append(response, total)
            elif version and kept and response.status_code in (206, 416):
                if not _continues(response, version, kept):
                    self.partial.discard()
                    raise _Interruption("the rest is not of the part that is here", wait_s=0)
                self._append(response, version.total_bytes)
            else:
                raise self._failure(response)

    def _append(self, response: requests.Response, total: int | None) -> None:
        """Append a body to the partial file, and flush it to disk."""
        size = self.partial.size_bytes
        self._check_size(total or 0)
        try:
            with self.partial.path.open("ab") as file:
                for chunk in response.iter_content(CHUNK_BYTES):
                    size += file.write(chunk)
                    self._check_size(size)
                    self.report(size, total)
                file.flush()
                os.fsync(file.fileno())
        except requests.RequestException as error:
            what = f"the connection broke after {size} of {total or 'unknown'} bytes"
            raise _Interruption(f"{what} ({type(error).__name__})") from error
        if total is not None and size != total:
            raise _Interruption(f"{size} bytes came instead of {total}")

    def _check_size(self, size: int) -> None:
        if size > MAX_BYTES:
            self.partial.discard()
            what = f"the server sends more than {MAX_BYTES >> 20} MiB"
            raise self._refusal(what, self._by_hand)

    def _failure(self, response: requests.Response) -> Exception:
        status = response.status_code
        if status in _BUSY:
            wait_s = _retry_after_s(response)
            return _Interruption(f"the server answers {status}", wait_s=wait_s, of_server=True)
        if status in (401, 403):
            what = f"the server refuses access (it answers {status})"
            return self._refusal(what, self._by_hand)
        what = f"the server answers {status}"
        if status in (404, 410):
            what = f"the server has no such file (it answers {status})"
        fix = f"Check base_url and the name, including upper and lower case; {_AGAIN}"
        return self._refusal(what, fix)

    def _refusal(self, what: str, fix: str) -> FileFault:
        return FileFault(what, where=self.address, why=self._missing, fix=fix)

    @property
    def _missing(self) -> str:
        return f"{self.partial.target.name} is not in {self.partial.target.parent}"

    @property
    def _by_hand(self) -> str:
        return (
            f"Fetch it by hand to {self.partial.target}, and so the others; then run the same "
            "command again, or name the folder as ingestion.root"
        )


def _declared_bytes(response: requests.Response) -> int | None:
    """Length of a body; None where it is not declared."""
    length = _number(response, "Content-Length")
    if length is None and "Content-Length" in response.headers:
        raise _Interruption("the server declares a length that is not a number")
    return length


def _version_of(response: requests.Response, total: int | None) -> Version | None:
    """Validator for If-Range; None where versions of the file cannot be told apart."""
    if total is None or "Content-Encoding" in response.headers:
        return None
    tag = response.headers.get("ETag", "")
    if tag.startswith('"'):  # not weak: W/"..."
        return Version("ETag", tag, total)
    date = response.headers.get("Last-Modified")
    return Version("Last-Modified", date, total) if date else None


def _continues(response: requests.Response, version: Version, kept: int) -> bool:
    total = version.total_bytes
    return (
        response.status_code == 206
        and response.headers.get("Content-Range") == f"bytes {kept}-{total - 1}/{total}"
        and response.headers.get(version.header, version.validator) == version.validator
    )


def _number(response: requests.Response, header: str) -> int | None:
    text = response.headers.get(header, "")
    return int(text) if _NUMBER.fullmatch(text) else None


def _retry_after_s(response: requests.Response) -> float | None:
    """Time [s] that a server asks for, as a number or as a date; None where it does not."""
    seconds = _number(response, "Retry-After")
    if seconds is not None:
        return seconds
    try:
        date = parsedate_to_datetime(response.headers.get("Retry-After", ""))
        return max(0.0, (date - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return None
