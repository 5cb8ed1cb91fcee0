"""Network packages: folders with networks, their training domain and their test scores.

It holds ``*.safetensors`` (one or several networks, an ensemble), ``package.json`` (what they
are, how images are prepared, what they were trained on), ``evidence.csv`` (how well they did on
micrographs that they had not seen, with the features of each), ``CARD.md`` and ``SHA256SUMS``.
It holds no code, and no file outside of it is opened.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from pydantic import ValidationError

from hrtem_shift.errors import InputError
from hrtem_shift.files import atomic_write
from hrtem_shift.micrographs.checksums import CHECKSUMS, read_checksums, record_checksums
from hrtem_shift.reliability.held_out_tests import MEASURED_COLUMNS
from hrtem_shift.segmentation.description import Description, PackageMember

if TYPE_CHECKING:
    from torch import nn

    from hrtem_shift.networks.weights import Weights

DESCRIPTION, EVIDENCE, CARD = "package.json", "evidence.csv", "CARD.md"
MAX_BYTES = 2**30
"""Largest package; 64 networks of 14 million parameters are larger."""
_MAX_TEXT_BYTES = 2**25

_TEXTS = ("data_set", "micrograph", "group")
_SHARES = ("hard_dice", "agreement", "unseen_expectation")
EVIDENCE_COLUMNS = (*MEASURED_COLUMNS, "unseen_expectation")
_NULLABLE = ("scale", "agreement", "dose_e_per_A2", "unseen_expectation")


class PackageError(InputError):
    """A network package that must not be used."""


@dataclass(frozen=True, eq=False)
class NetworkPackage:
    """Networks that were read and checked, in the order of `description.members`.

    Parameters
    ----------
    folder : Path
        Where it was read from.
    description : Description
        What they are.
    networks : tuple of Module
        In evaluation mode, on the CPU.
    evidence : DataFrame
        One row an image that was measured: `EVIDENCE_COLUMNS`. group: what never straddles a
        fold, such as a scene; usual: of the kind that the networks were trained on, predicted
        by those that had not seen it; unseen_expectation: hard Dice that was expected of it
        from images of other groups.
    identity : str
        SHA-256 over all files.
    """

    folder: Path
    description: Description
    networks: tuple[nn.Module, ...]
    evidence: pd.DataFrame
    identity: str

    @property
    def usual_evidence(self) -> pd.DataFrame:
        """Evidence on images of the kind that the networks were trained on."""
        return self.evidence[self.evidence["usual"]]


def write_package(
    folder: Path,
    description: Description,
    weights: Sequence[Weights],
    evidence: pd.DataFrame,
    card: str,
) -> None:
    """Write a package atomically; an older package of the folder is replaced.

    Parameters
    ----------
    folder : Path
        To write.
    description, evidence
        See `NetworkPackage`.
    weights : sequence
        Of each member.
    card : str
        Text of ``CARD.md``.

    Raises
    ------
    InputError
        The folder holds something else than a package, or the disk is full.
    """
    from hrtem_shift.networks.weights import weights_bytes

    folder = Path(folder)
    if folder.exists() and not (folder / DESCRIPTION).is_file():
        raise InputError(
            "the folder exists, and it is no network package",
            where=str(folder),
            why="It would be deleted",
            fix="Name a folder that does not exist yet",
        )
    table = evidence[list(EVIDENCE_COLUMNS)].to_csv(index=False, lineterminator="\n")
    contents = {
        DESCRIPTION: description.model_dump_json(indent=1).encode(),
        EVIDENCE: table.encode(),
        CARD: card.encode(),
        **{
            member.file: weights_bytes(each)
            for member, each in zip(description.members, weights, strict=True)
        },
    }
    with atomic_write(folder) as new:
        new.mkdir()
        for name, content in contents.items():
            (new / name).write_bytes(content)
        record_checksums(
            new, {name: hashlib.sha256(data).hexdigest() for name, data in contents.items()}
        )


def read_package(folder: Path) -> NetworkPackage:
    """Read a package after checking every byte of it.

    Raises
    ------
    PackageError
        A file is missing, added, changed, a link, too large, or not what it must be: JSON and
        CSV of the known fields, weights of the shapes of their architecture, finite numbers.
    """
    folder = Path(folder)
    try:
        contents = _contents(folder)
        description = Description.model_validate_json(contents.pop(DESCRIPTION))
        extra = sorted(set(contents) - {EVIDENCE, CARD, *(m.file for m in description.members)})
        if extra:
            raise ValueError(f"it holds {extra[0]!r}, which is no file of a package")
        return NetworkPackage(
            folder,
            description,
            tuple(_network(member, contents, description) for member in description.members),
            _evidence(contents[EVIDENCE]),
            hashlib.sha256((folder / CHECKSUMS).read_bytes()).hexdigest(),
        )
    except KeyError as error:
        raise _refused(folder, f"{error.args[0]!r} is missing") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise _refused(folder, f"{DESCRIPTION}, {place}: {first['msg']}") from error
    except (InputError, OSError, ValueError) as error:
        what = error.what if isinstance(error, InputError) else str(error)
        raise _refused(folder, what) from error


def _contents(folder: Path) -> dict[str, bytes]:
    """Contents of every file of the folder, verified by its checksum."""
    if not folder.is_dir():
        raise ValueError("no such folder")
    paths = {path.name: path for path in folder.iterdir()}
    strange = [name for name, path in paths.items() if path.is_symlink() or not path.is_file()]
    if strange:
        raise ValueError(f"{strange[0]!r} is a link or a folder, not a file")
    if paths.pop(CHECKSUMS, None) is None:
        raise KeyError(CHECKSUMS)
    if sum(path.stat().st_size for path in paths.values()) > MAX_BYTES:
        raise ValueError(f"it has more than {MAX_BYTES // 2**20} MiB")
    recorded = read_checksums(folder)
    if set(recorded) != set(paths):
        name = sorted(set(recorded) ^ set(paths))[0]
        raise ValueError(f"{name!r} is either in the folder or in {CHECKSUMS}, not in both")
    contents = {name: path.read_bytes() for name, path in sorted(paths.items())}
    for name, content in contents.items():
        if hashlib.sha256(content).hexdigest() != recorded[name]:
            raise ValueError(f"{name} is not the file that {CHECKSUMS} lists")
        if not name.endswith(".safetensors") and len(content) > _MAX_TEXT_BYTES:
            raise ValueError(f"{name} has {len(content)} bytes")
    return contents


def _network(
    member: PackageMember, contents: Mapping[str, bytes], description: Description
) -> nn.Module:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    from hrtem_shift.networks.weights import (
        ARCHITECTURE,
        network_from,
        weights_fingerprint,
        with_architecture,
    )

    try:
        weights = load(contents[member.file])
    except SafetensorError as error:
        raise ValueError(f"{member.file} is no safetensors file ({error})") from error
    expected = with_architecture({}, description.architecture, description.norm).get(ARCHITECTURE)
    if not np.array_equal(weights.get(ARCHITECTURE, []), [] if expected is None else expected):
        raise ValueError(f"{member.file} is of another architecture than {DESCRIPTION} says")
    if weights_fingerprint(weights) != member.weights:
        raise ValueError(f"{member.file} holds other weights than {DESCRIPTION} says")
    try:
        return network_from(weights)
    except InputError as error:
        raise ValueError(f"{member.file}: {error.what}") from error


def _evidence(content: bytes) -> pd.DataFrame:
    table = pd.read_csv(io.BytesIO(content), dtype=dict.fromkeys(_TEXTS, str))
    if "scale" not in table and "hard_dice" in table:  # schema version 2
        place = list(table).index("hard_dice")
        table.insert(place, "scale", np.nan)
        table.insert(place + 1, "mixed_norms", 0.0)
    if tuple(table.columns) != EVIDENCE_COLUMNS:
        raise ValueError(f"{EVIDENCE} has other columns than {', '.join(EVIDENCE_COLUMNS[:4])} ...")
    if table.empty or table["usual"].dtype != bool:
        raise ValueError(f"{EVIDENCE} is empty, or its column usual is not true or false")
    for name in EVIDENCE_COLUMNS[len(_TEXTS) + 1 :]:
        values = pd.to_numeric(table[name], errors="raise").to_numpy(np.float64)
        given = values[~np.isnan(values)] if name in _NULLABLE else values
        if not np.isfinite(given).all():
            raise ValueError(f"{EVIDENCE}: {name} is not finite everywhere")
        if name in _SHARES and not ((given >= 0) & (given <= 1)).all():
            raise ValueError(f"{EVIDENCE}: {name} goes beyond 0 to 1")
    if not table["usual"].any():
        raise ValueError(f"{EVIDENCE} has no row of the kind that was trained on")
    return table


def _refused(folder: Path, what: str) -> PackageError:
    return PackageError(
        what,
        where=f"network package {folder}",
        why="Only a complete and unchanged package is used; nothing of it was loaded",
        fix="Copy it again from its source, or make a new one with 'hrtem-shift package'",
    )
