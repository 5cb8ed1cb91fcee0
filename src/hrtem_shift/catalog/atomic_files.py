"""Datasets of single files that are saved atomically: a reader sees the old file or the new one.

Tables, values and pages are those of kedro-datasets. Figures are not: Kedro's cannot be loaded,
and reports embed them.
"""

from __future__ import annotations

import base64
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NewType

from kedro.io import AbstractDataset
from kedro_datasets.json import JSONDataset
from kedro_datasets.pandas import CSVDataset, ParquetDataset
from kedro_datasets.text import TextDataset

from hrtem_shift.files import atomic_write

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ImagePreview = NewType("ImagePreview", str)
"""kedro-viz chooses a viewer by the name of the type that ``preview()`` returns."""


class AtomicSave:
    """Saves a dataset of kedro-datasets under a temporary name, then renames it."""

    def save(self: Any, data: Any) -> None:
        """Save the file atomically; an address that is no local path is left to its server."""
        # Without Kedro's wrapper, which would hide from atomic_write() that the disk is full.
        save = super().save.__wrapped__  # type: ignore[misc]
        if self._protocol != "file":
            save(self, data)
            return
        with atomic_write(Path(self._get_save_path())) as temporary:
            save(self._copy(_filepath=temporary, _version=None), data)


class AtomicCSVDataset(AtomicSave, CSVDataset):
    """A table as CSV; equal tables give equal bytes, with all digits."""

    DEFAULT_SAVE_ARGS: ClassVar[dict[str, Any]] = {"index": False, "lineterminator": "\n"}


class AtomicParquetDataset(AtomicSave, ParquetDataset):
    """A table as parquet, which keeps types: a micrograph called 001 stays text."""

    DEFAULT_SAVE_ARGS: ClassVar[dict[str, Any]] = {"index": False}


class AtomicJSONDataset(AtomicSave, JSONDataset):
    """Plain values by name."""

    DEFAULT_SAVE_ARGS: ClassVar[dict[str, Any]] = {"indent": 1}


class AtomicTextDataset(AtomicSave, TextDataset):
    """A text in UTF-8, such as an HTML report."""

    DEFAULT_FS_ARGS: ClassVar[dict[str, Any]] = {
        "open_args_save": {"mode": "w", "encoding": "utf-8"},
        "open_args_load": {"mode": "r", "encoding": "utf-8"},
    }


class AtomicFigureDataset(AbstractDataset[Any, Any]):
    """A figure: saved as PNG, loaded as the bytes of that PNG.

    Parameters
    ----------
    filepath : str
        The file.
    metadata : dict, optional
        For kedro-viz.
    """

    def __init__(self, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._path = Path(filepath)
        self.metadata = metadata

    def load(self) -> Any:
        """Bytes of the PNG."""
        return self._path.read_bytes()

    def save(self, data: Any) -> None:
        """Draw the figure, a matplotlib `Figure`."""
        _save_png(data, self._path)

    def preview(self) -> ImagePreview:
        """The picture, for kedro-viz."""
        return ImagePreview(base64.b64encode(self.load()).decode("ascii"))

    def _exists(self) -> bool:
        return self._path.is_file()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._path)}


class AtomicFigureFolderDataset(AtomicFigureDataset):
    """Figures by name in a folder: saved as PNG, loaded as the bytes of those PNGs.

    The figure called ``""`` is ``all.png``; figures that are no longer saved are removed.
    """

    def load(self) -> dict[str, bytes]:
        """Bytes of each PNG."""
        paths = sorted(self._path.glob("[!.]*.png"))
        return {"" if path.stem == "all" else path.stem: path.read_bytes() for path in paths}

    def save(self, data: dict[str, Figure]) -> None:
        """Draw the figures."""
        figures = {self._path / f"{name or 'all'}.png": figure for name, figure in data.items()}
        for path in set(self._path.glob("[!.]*.png")) - set(figures):
            path.unlink()
        for path, figure in figures.items():
            _save_png(figure, path)

    def preview(self) -> ImagePreview:
        """The first picture, for kedro-viz."""
        first = next(iter(self.load().values()))
        return ImagePreview(base64.b64encode(first).decode("ascii"))

    def _exists(self) -> bool:
        return bool(self.load())


def _save_png(figure: Figure, path: Path) -> None:
    from hrtem_shift.figures.report import figure_png

    with atomic_write(path) as temporary:
        temporary.write_bytes(figure_png(figure))
