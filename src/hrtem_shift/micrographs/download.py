"""Download the files that a folder lacks; each is verified before it takes its name."""

from __future__ import annotations

import fcntl
import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from hrtem_shift.errors import InputError, InputErrors
from hrtem_shift.files import atomic_write
from hrtem_shift.micrographs.allowed_hosts import AllowedHosts, NotAllowed
from hrtem_shift.micrographs.checksums import sha256_of
from hrtem_shift.micrographs.http_file import Download, FileFault, Report
from hrtem_shift.micrographs.metadata_table import path_inside
from hrtem_shift.micrographs.partial_file import PartialFile
from hrtem_shift.progress import JobProgress

logger = logging.getLogger(__name__)
LOCK = ".download.lock"
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")

Validate = Callable[[Path], object]
"""``validate(path)`` decodes a file; raises InputError where it cannot be used."""


def fetch_missing(
    files: Mapping[str, str],
    base_url: str,
    root: Path,
    *,
    allowed_hosts: Sequence[str],
    validate: Validate,
) -> None:
    """Download the files that are not yet in a folder.

    A file gets its name when it is complete, has the expected SHA-256 and can be decoded.
    Until then it stays in a hidden file beside it, and the same call resumes it.

    Parameters
    ----------
    files : mapping of str to str
        Name relative to `root` and to `base_url`, with forward slashes -> expected SHA-256
        as hexadecimal digits, or "".
    base_url : str
        URL of the folder on the server; https, or http on this machine.
    root : Path
        Folder to fill; made where missing. Files that are there are left alone.
    allowed_hosts : sequence of str
        Hosts that may be contacted, also by redirects; this machine always may be.
    validate : callable
        Decodes each file that arrived; raises InputError where it cannot be used, such as
        a page that asks for a login.

    Raises
    ------
    InputErrors
        Names lead out of the folder or checksums are malformed; nothing is fetched then. Or
        some files are refused, changed or unusable; the others have been fetched.
    InputError
        The address is not allowed, the server cannot be reached, the disk is full, or
        another run fills the folder. Nothing more is fetched.
    """
    root = Path(root)
    with AllowedHosts(allowed_hosts) as hosts:
        try:
            hosts.checked(base_url)
        except NotAllowed as error:
            raise _not_allowed(error) from error
        wanted = _wanted(files, base_url.rstrip("/"), root)
        if all(file.target.is_file() for file in wanted):
            return
        with _locked(root):
            missing = [file for file in wanted if not file.target.is_file()]
            logger.info("Fetching %d of %d files from %s", len(missing), len(wanted), base_url)
            faults = _fetch_all(missing, hosts, validate)
    if faults:
        done = "all other files have arrived"
        raise InputErrors(f"download from {base_url} into {root}", faults, done=done)


@dataclass(frozen=True)
class _File:
    address: str
    target: Path
    sha256: str


def _wanted(files: Mapping[str, str], base_url: str, root: Path) -> list[_File]:
    faults: list[InputError] = []
    wanted: dict[Path, _File] = {}
    for name, sha256 in files.items():
        try:
            target = path_inside(root, name, where="file to download")
            wanted[target] = _File(f"{base_url}/{quote(name)}", target, _checksum(sha256, name))
            if target.is_dir():
                faults.append(_no_file(target, "is a folder"))
        except InputError as error:
            faults.append(error)
        except OSError as error:
            faults.append(_no_file(target, f"cannot be looked up ({error.strerror})"))
    folders = {root.resolve()}.union(*(target.parents for target in wanted))
    faults += [
        _no_file(target, "is a folder that other files need")
        for target in wanted
        if target in folders
    ]
    if faults:
        raise InputErrors(f"download into {root}", faults)
    return list(wanted.values())


def _fetch_all(
    missing: Sequence[_File], hosts: AllowedHosts, validate: Validate
) -> list[FileFault]:
    faults = []
    with JobProgress("files fetched", len(missing)) as progress:
        for index, file in enumerate(missing):
            name = file.target.name
            try:
                _fetch(file, hosts, validate, _bytes_shown(progress, index, name))
            except FileFault as fault:
                faults.append(fault)
            progress.ended(index, name)
    return faults


def _bytes_shown(progress: JobProgress, index: int, name: str) -> Report:
    def report(here: int, total: int | None) -> None:
        of_all = f" of {total / 1e6:.0f}" if total else ""
        note = f"{name}, {here / 1e6:.0f}{of_all} MB"
        progress.running(index, here / total if total else 0.0, note)

    return report


def _fetch(file: _File, hosts: AllowedHosts, validate: Validate, report: Report) -> None:
    partial = PartialFile(file.target)
    try:
        with atomic_write(file.target) as temporary:
            Download(hosts, file.address, partial, report).run()
            _verify(partial, file, validate)
            partial.path.replace(temporary)
            partial.discard()
    except OSError as error:
        raise FileFault(
            f"cannot be stored ({error.strerror or error})",
            where=str(file.target),
            why=f"It comes from {file.address}",
            fix="Check that its folder can hold a file of that name",
        ) from error


def _verify(partial: PartialFile, file: _File, validate: Validate) -> None:
    try:
        sha256 = sha256_of(partial.path)
        if file.sha256 not in ("", sha256):
            raise InputError(
                f"SHA-256 of what arrived is {sha256}, expected {file.sha256}",
                where=file.address,
                why="The file is not the expected one",
                fix="Correct the checksum if the source has changed on purpose, else fetch again",
            )
        validate(partial.path)
    except InputError as error:
        partial.discard()
        raise FileFault(error.what, where=file.address, why=error.why, fix=error.fix) from error


@contextmanager
def _locked(root: Path) -> Iterator[None]:
    """Hold a lock, since two runs must not write to the same partial files."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        lock = (root / LOCK).open("ab")
    except OSError as error:
        raise InputError(
            f"cannot be written to ({error.strerror})",
            where=str(root),
            why="Files are missing in this folder",
            fix="Make room, choose another folder, or put the files there by hand",
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InputError(
                "another run is fetching files",
                where=str(root),
                why="Two at once would mix up what arrives",
                fix="Wait until it has ended, then run the same command again",
            ) from error
        except OSError as error:  # such as on network drives
            logger.warning("%s cannot be locked (%s): fetch by one run only", root, error.strerror)
        yield


def _checksum(sha256: str, name: str) -> str:
    if sha256 and not _SHA256.fullmatch(sha256):
        raise InputError(
            f"its SHA-256 is given as {sha256!r}",
            where=f"file to download, {name}",
            why="What arrives is compared with it before it is used",
            fix="Give 64 hexadecimal digits, or none",
        )
    return sha256.lower()


def _no_file(target: Path, what: str) -> InputError:
    return InputError(
        what,
        where=str(target),
        why="A file of that name cannot be kept",
        fix="Correct the name",
    )


def _not_allowed(error: NotAllowed) -> InputError:
    return InputError(
        str(error),
        where="base_url",
        why="Files are fetched over https and from named hosts only, so that no one can change "
        "them on the way",
        fix="Give an address that begins with https://, and its host in allowed_hosts",
    )
