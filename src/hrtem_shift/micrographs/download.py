"""Fetch the files that a metadata table names: whole, verified, and nowhere but in its folder."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from urllib.parse import quote, urlsplit

from hrtem_shift.errors import InputError, InputErrors
from hrtem_shift.files import replacing
from hrtem_shift.micrographs.metadata_table import Row, path_inside, read_metadata

logger = logging.getLogger(__name__)
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_TIMEOUT_S = 60.0


def fetch_missing(metadata: Path, base_url: str, root: Path) -> None:
    """Download the images and masks that are not yet in a folder.

    Parameters
    ----------
    metadata : Path
        Table as for `inspect_folder`, with the columns image_sha256 and mask_sha256.
    base_url : str
        Address that the table's file names are relative to; https only, but for this
        machine itself.
    root : Path
        Folder to fill; made where missing. Files that are there are left alone.

    Raises
    ------
    InputErrors
        The table is unusable: a name leads out of the folder, a checksum is missing.
        Nothing is downloaded then.
    InputError
        The address is not https, a server cannot be reached or does not have a file, a
        file is not the one that the table describes, or the disk is full. Files that
        arrived before stay; the same call goes on with the rest.
    """
    _check_address(base_url)
    rows = read_metadata(metadata)
    faults: list[InputError] = []
    wanted: dict[Path, tuple[str, str]] = {}
    for number, row in enumerate(rows, start=1):
        for role in ("image", "mask"):
            try:
                target, checksum = _wanted(row, role, root, f"{metadata}, row {number}")
                wanted[target] = (row[role], checksum)
            except InputError as error:
                faults.append(error)
    if faults:
        raise InputErrors(f"download into {root}", faults)
    missing = {target: file for target, file in wanted.items() if not target.is_file()}
    if missing:
        logger.info("Fetching %d of %d files from %s", len(missing), len(wanted), base_url)
    for target, (name, checksum) in missing.items():
        _fetch(f"{base_url.rstrip('/')}/{quote(name)}", checksum, target)


def _check_address(base_url: str) -> None:
    address = urlsplit(base_url)
    local = address.scheme == "http" and address.hostname in _LOOPBACK
    if not address.hostname or not (address.scheme == "https" or local):
        raise InputError(
            f"the address is {base_url!r}",
            where="base_url",
            why="Files are fetched over https only, so that nobody on the way can change them",
            fix="Give an address that begins with https://",
        )


def _wanted(row: Row, role: str, root: Path, where: str) -> tuple[Path, str]:
    checksum = row.get(f"{role}_sha256", "")
    if not _SHA256.fullmatch(checksum):
        raise InputError(
            f"{role}_sha256 of {row[role]!r} is {checksum!r}"
            if checksum
            else f"{role}_sha256 of {row[role]!r} is missing",
            where=where,
            why="What comes over the network is compared with its SHA-256 before it is used",
            fix=f"Add the column {role}_sha256 with 64 hexadecimal digits a file",
        )
    return path_inside(root, row[role], where=f"{where}, column {role}"), checksum.lower()


def _fetch(url: str, checksum: str, target: Path) -> None:
    import pooch

    pooch.get_logger().setLevel("WARNING")  # one line a folder is enough, and it is said above
    try:
        with replacing(target) as temporary:
            pooch.retrieve(
                url,
                known_hash=f"sha256:{checksum}",
                fname=temporary.name,
                path=temporary.parent,
                downloader=pooch.HTTPDownloader(timeout=_TIMEOUT_S),
            )
    except InputError:
        raise
    except (OSError, ValueError) as error:  # every exception of requests is an OSError
        raise _explained(error, url, target) from error


def _explained(error: Exception, url: str, target: Path) -> InputError:
    status = getattr(getattr(error, "response", None), "status_code", None)
    again = "run the same command again: files that arrived are kept"
    if status is not None:
        what, fix = f"the server answers {status}", f"Check base_url and the name, then {again}"
    elif isinstance(error, OSError):
        what = f"cannot be fetched ({type(error).__name__})"
        fix = f"Check the network or name a local folder with ingestion.root, then {again}"
    else:
        what = "the file that arrived has another SHA-256 than the table says"
        fix = f"If the source has changed on purpose, correct the table; else {again}"
    return InputError(what, where=url, why=f"{target.name} is not in {target.parent}", fix=fix)
