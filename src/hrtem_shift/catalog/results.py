"""Results of a study that are kept with the project: what its networks scored, without weights.

``results/<study>`` holds ``networks.parquet`` (a row a network), ``scores.parquet`` (a row a
network and test), what claims read of other tables, and ``about.json``: where all of it comes
from, and the SHA-256 of each file.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hrtem_shift.catalog.study_tables import ReadOnlyDataset
from hrtem_shift.errors import InputError
from hrtem_shift.files import atomic_write
from hrtem_shift.tables import rows_of

if TYPE_CHECKING:
    import pandas as pd

    from hrtem_shift.scorecard.findings import Findings


ABOUT = "about.json"
NETWORKS, SCORES = "networks", "scores"
_WHY = "Networks that are listed there are neither trained nor tested again"
_ANEW = "Restore it from version control, or delete the folder and run 'kedro results STUDY' again"


class StudyResults:
    """Finished networks of a study, and what they scored.

    Parameters
    ----------
    folder : Path
        ``results/<study>``; may be missing.
    tables : mapping of str to DataFrame
        ``networks``: one row a network, with run_id, made_of, and what its training found.
        ``scores``: one row a network and test, as from
        `hrtem_shift.evaluation.scoring.tabulate`; test_id says what the patches are made of,
        instead of their bytes. And others.
    about : mapping
        Where they come from.

    Attributes
    ----------
    networks : dict
        made_of -> row of the network.
    """

    def __init__(
        self,
        folder: Path,
        tables: Mapping[str, pd.DataFrame] | None = None,
        about: Mapping[str, Any] | None = None,
    ) -> None:
        self.folder, self.tables, self.about = folder, tables or {}, about or {}
        networks = rows_of(self.tables[NETWORKS]) if NETWORKS in self.tables else []
        self.networks = {str(row["made_of"]): row for row in networks}
        made_of = {row["run_id"]: row["made_of"] for row in networks}
        self._scores = _values(self.tables[SCORES], made_of) if SCORES in self.tables else {}

    def check_plan(self, keys: Iterable[tuple[str, str]]) -> None:
        """Check that each score is of a planned test.

        Raises
        ------
        InputError
            Some are not: they are of other parameters.
        """
        others = self._scores.keys() - set(keys)
        if others:
            raise InputError(
                f"{len(others)} of {len(self._scores)} scores are of tests that are not planned",
                where=str(self.folder),
                why="The results are of other parameters, or of another environment",
                fix="Name the environment with --env, or delete the folder to keep these instead",
            )

    def score(self, key: tuple[str, str]) -> dict[str, Any] | None:
        """Values of a test, as from `hrtem_shift.evaluation.scoring.score_of`; None: not tested.

        Parameters
        ----------
        key : (str, str)
            made_of of the network, and test_id.
        """
        return self._scores.get(key)


def _values(
    scores: pd.DataFrame, made_of: Mapping[str, str]
) -> dict[tuple[str, str], dict[str, Any]]:
    """Values of each test by its key, as they were before a table gave its rows equal columns."""
    from hrtem_shift.evaluation.scoring import TEST_COLUMNS

    if scores.empty:
        return {}
    columns = [str(name) for name in scores if name not in (*TEST_COLUMNS, "reason")]
    numbers = rows_of(scores[[*columns, "reason"]])  # reason is the last, as of a new test
    of_particles = [name for name in columns if name not in _OF_PATCHES]
    for values in numbers:
        if math.isnan(values.get("n_particles", 0)):  # none were counted
            for name in of_particles:
                del values[name]
        values.update({name: int(values[name]) for name in values if name.startswith("n_")})
    networks = map(made_of.__getitem__, scores["run_id"])
    return dict(zip(zip(networks, scores["test_id"], strict=True), numbers, strict=True))


_OF_PATCHES = ("hard_dice", "false_positive_rate", "false_negative_rate", "n_patches")


def read_results(folder: Path) -> StudyResults:
    """Networks and scores of a study; empty where the folder is missing.

    Raises
    ------
    InputError
        A file is missing, or not the one that was written.
    """
    if not folder.is_dir():
        return StudyResults(folder)
    about = read_about(folder)
    tables = {
        Path(name).stem: read_kept(folder / name, sha256)
        for name, sha256 in about["files"].items()
        if name.endswith(".parquet")
    }
    return StudyResults(folder, tables, about)


def read_about(folder: Path) -> dict[str, Any]:
    """Where results come from, and the SHA-256 of each file.

    Raises
    ------
    InputError
        It is missing or damaged.
    """
    path = folder / ABOUT
    try:
        about: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if not {f"{NETWORKS}.parquet", f"{SCORES}.parquet"} <= about["files"].keys():
            raise ValueError("it lists no networks or no scores")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _damaged(path, f"cannot be read: {type(error).__name__}: {error}") from error
    return about


def read_kept(path: Path, sha256: str) -> pd.DataFrame:
    """A table whose bytes are those that were written.

    Raises
    ------
    InputError
        They are not, or it is missing.
    """
    import pandas as pd

    try:
        if sha256_of(path) != sha256:
            raise ValueError(f"its SHA-256 is not that of {ABOUT}")
        return pd.read_parquet(path)
    except (OSError, ValueError) as error:  # and so are pyarrow's
        raise _damaged(path, f"is damaged: {error}") from error


def write_results(
    folder: Path, tables: Mapping[str, pd.DataFrame], report: str | None, about: Mapping[str, Any]
) -> None:
    """Write a folder of results, in place of an older one, atomically.

    Parameters
    ----------
    folder : Path
        ``results/<study>``.
    tables : mapping of str to DataFrame
        ``networks``, ``scores`` and others; each becomes ``<name>.parquet``.
    report : str, optional
        Page of the study.
    about : mapping
        Where they come from; the hashes of the files are added.
    """
    with atomic_write(folder) as new:
        new.mkdir()
        for name, table in tables.items():
            _write_compactly(table, new / f"{name}.parquet")
        if report is not None:
            (new / "report.html").write_text(report, encoding="utf-8")
        files = {path.name: sha256_of(path) for path in sorted(new.iterdir())}
        text = json.dumps({**about, "files": files}, indent=1, ensure_ascii=False)
        (new / ABOUT).write_text(text + "\n", encoding="utf-8")


def _write_compactly(table: pd.DataFrame, path: Path) -> None:
    """As parquet of zstd: equal values once, and the bytes of real numbers place by place."""
    reals = [name for name in table if table[name].dtype == float]
    table.to_parquet(
        path,
        index=False,
        compression="zstd",
        use_dictionary=[name for name in table if name not in reals],
        column_encoding=dict.fromkeys(reals, "BYTE_STREAM_SPLIT"),
    )


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _damaged(path: Path, what: str) -> InputError:
    return InputError(what, where=str(path), why=_WHY, fix=_ANEW)


class StudyResultsDataset(ReadOnlyDataset):
    """Catalog entry of ``results/<study>``, empty where there is none."""

    def load(self) -> StudyResults:
        """Networks and scores.

        Raises
        ------
        InputError
            A file is damaged.
        """
        return read_results(self._folder)


class KeptTablesDataset(ReadOnlyDataset):
    """Catalog entry of the results of all studies; its load gives their reader."""

    def load(self) -> Callable[[], dict[str, Findings]]:
        """Function that reads tables by study."""
        return self.findings

    def findings(self) -> dict[str, Findings]:
        """Tables by study, for studies that have results.

        Raises
        ------
        InputError
            A file is damaged.
        """
        from hrtem_shift.scorecard.findings import NO_DATA_SETS, Findings

        tables = {
            path.parent.name: dict(read_results(path.parent).tables)
            for path in sorted(self._folder.glob(f"[!.]*/{ABOUT}"))
        }
        return {
            study: Findings(of.pop(SCORES), of.pop("data_sets", NO_DATA_SETS), of)
            for study, of in tables.items()
        }
