"""Ask only where one may: over https, and only hosts that were named, wherever redirects lead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import urljoin, urlsplit

import requests

MAX_REDIRECTS = 5
CONNECT_TIMEOUT_S = 15.0
READ_TIMEOUT_S = 30.0  # without a byte
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


class NotAllowed(Exception):
    """An address that may not be asked; the text names it and says why."""


class AllowedHosts(requests.Session):
    """Connections to named hosts, kept from one request to the next.

    Parameters
    ----------
    names : sequence of str
        Hosts that may be asked besides this machine.
    """

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__()
        self.names = tuple(name.lower() for name in names)

    def checked(self, address: str) -> str:
        """An address as it will be asked for.

        Raises
        ------
        NotAllowed
            Neither https nor http to this machine itself, or the host is not a named one.
        """
        try:
            # What requests makes of it is checked: two parsers may see two hosts in one text.
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
        """The answer at the end of all redirects, its body still to be read.

        Raises
        ------
        NotAllowed
            The address, or one that it redirects to, may not be asked; https leads to
            http; or there are more than `MAX_REDIRECTS`.
        requests.RequestException
            Nobody answers.
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
        """Nowhere: requests would read the body, however long, and ask without a check."""

    def _redirected(self, asked: str, location: str) -> str:
        try:
            leads_to = self.checked(urljoin(asked, location))
        except ValueError as error:
            raise NotAllowed(f"{location!r} is not an https address") from error
        if asked.startswith("https:") and not leads_to.startswith("https:"):
            raise NotAllowed(f"{location!r} is not an https address")
        return leads_to
