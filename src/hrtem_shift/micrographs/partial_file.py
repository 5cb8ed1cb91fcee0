"""The beginning of a file that is on its way, kept until the rest can be had."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Version:
    """What tells one version of a file on a server from the next (RFC 9110, section 8.8)."""

    header: str
    """``ETag`` or ``Last-Modified``."""
    validator: str
    total_bytes: int


class PartialFile:
    """Bytes that have arrived, in a hidden file beside their target, with their version.

    Parameters
    ----------
    target : Path
        Where the whole file will be.
    """

    def __init__(self, target: Path) -> None:
        self.target = target
        self.path = target.with_name(f".{target.name}.part")
        self._note = target.with_name(f".{target.name}.part.json")

    @property
    def size_bytes(self) -> int:
        """Bytes that have arrived."""
        return self.path.stat().st_size if self.path.is_file() else 0

    @property
    def version(self) -> Version | None:
        """The version that the bytes are of; None where it is not known."""
        try:
            return Version(**json.loads(self._note.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def start(self, version: Version | None) -> None:
        """Drop all bytes: those to come are of another version."""
        self.discard()
        if version:
            self._note.write_text(json.dumps(asdict(version)), encoding="utf-8")

    def discard(self) -> None:
        """Remove what there is."""
        self.path.unlink(missing_ok=True)  # first: no bytes ever lie beside another's note
        self._note.unlink(missing_ok=True)
