"""HTTPS requests to an allow-list of hosts, which is checked again at each redirect."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import urljoin, urlsplit

import requests

MAX_REDIRECTS = 5
CONNECT_TIMEOUT_S = 15.0
READ_TIMEOUT_S = 30.0  # without a byte
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


class NotAllowed(Exception):
    """An address that is not https, or not on the allow-list."""


class AllowedHosts(requests.Session):
    """Session that connects to named hosts only.

    Parameters
    ----------
    names : sequence of str
        Hosts that may be asked besides this machine.
    """

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__()
        self.names = tuple(name.lower() for name in names)

    def checked(self, address: str) -> str:
        """Address as requests normalizes it, once it is allowed.

        Raises
        ------
        NotAllowed
            Neither https nor http to this machine itself, or another host.
        """
        try:
            # The normalized address is checked: two parsers may find two hosts in one text.
            asked = requests.Request("GET", address).prepare().url or ""
            parts = urlsplit(asked)
        except ValueError as error:  # of requests, too
            raise NotAllowed(f"{address!r} is not an https address") from error
        host = parts.hostname or ""
        if parts.scheme != "https" and not (parts.scheme == "http" and host in _LOOPBACK):
            raise NotAllowed(f"{address!r} is not an https address")
        if host not in _LOOPBACK and host not in self.names:
            allowed = ", ".join(self.names) or "none"
            raise NotAllowed(f"{address!r} is on the host {host!r}, allowed are: {allowed}")
        return asked

    def answer(self, address: str, headers: Mapping[str, str]) -> requests.Response:
        """Response after all redirects, its body not yet read.

        Raises
        ------
        NotAllowed
            The address, or one that it redirects to, is not allowed; https redirects to
            http; or there are more than `MAX_REDIRECTS`.
        requests.RequestException
            The server cannot be reached.
        """
        asked = self.checked(address)
        for _ in range(MAX_REDIRECTS + 1):
            response = self.get(
                asked, headers=headers, stream=True, timeout=(CONNECT_TIMEOUT_S, READ_TIMEOUT_S)
            )
            location = super().get_redirect_target(response)
            if location is None:
                return response
            response.close()
            asked = self._redirected(asked, location)
        raise NotAllowed(f"{address!r} redirects more than {MAX_REDIRECTS} times")

    def get_redirect_target(self, resp: requests.Response) -> None:
        """None: requests would read the body, however long, and follow without a check."""

    def _redirected(self, asked: str, location: str) -> str:
        try:
            leads_to = self.checked(urljoin(asked, location))
        except ValueError as error:
            raise NotAllowed(f"{location!r} is not an https address") from error
        if asked.startswith("https:") and not leads_to.startswith("https:"):
            raise NotAllowed(f"{location!r} is not an https address")
        return leads_to
