"""Partly downloaded file, kept so that the download can resume."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Version:
    """Identifies a version of a file on a server (RFC 9110, section 8.8)."""

    header: str
    """``ETag`` or ``Last-Modified``."""
    validator: str
    total_bytes: int


class PartialFile:
    """Bytes that have arrived, in a hidden file beside their target, with their version.

    Parameters
    ----------
    target : Path
        Path of the complete file.
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
        """Version of the file that the bytes belong to; None if unknown."""
        try:
            return Version(**json.loads(self._note.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def start(self, version: Version | None) -> None:
        """Remove all bytes, since the next ones are of another version."""
        self.discard()
        if version:
            self._note.write_text(json.dumps(asdict(version)), encoding="utf-8")

    def discard(self) -> None:
        """Remove bytes and note."""
        self.path.unlink(missing_ok=True)  # first: bytes never lie beside the note of others
        self._note.unlink(missing_ok=True)
