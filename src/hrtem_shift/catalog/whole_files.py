"""Tables, figures and pages: Kedro's own kinds of file, but written whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NewType

from kedro.io import AbstractDataset

from hrtem_shift.files import atomic_write

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

# kedro-viz chooses a viewer by the name of the type that preview() returns.
TablePreview = NewType("TablePreview", dict)
ImagePreview = NewType("ImagePreview", str)


class WholeFile(AbstractDataset[Any, Any]):
    """A file that is there whole, or not at all.

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

    def _exists(self) -> bool:
        return self._path.is_file()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._path)}


class TableFile(WholeFile):
    """A table, as ``.csv`` or ``.parquet``; equal tables give equal bytes, with all digits."""

    def load(self) -> pd.DataFrame:
        """Read the table."""
        import pandas as pd

        if self._path.suffix == ".parquet":
            return pd.read_parquet(self._path)
        return pd.read_csv(self._path)

    def save(self, data: pd.DataFrame) -> None:
        """Write the table."""
        with atomic_write(self._path) as path:
            if path.suffix == ".parquet":
                data.to_parquet(path, index=False)
            else:
                data.to_csv(path, index=False, lineterminator="\n")

    def preview(self, nrows: int = 20) -> TablePreview:
        """First rows, for kedro-viz."""
        head = self.load().head(nrows).to_dict(orient="split")
        return TablePreview(head)


class FigureFile(WholeFile):
    """A figure: saved as PNG, loaded as the bytes of that PNG."""

    def load(self) -> bytes:
        """Bytes of the PNG."""
        return self._path.read_bytes()

    def save(self, data: Figure) -> None:
        """Draw the figure."""
        from hrtem_shift.figures.report import figure_png

        with atomic_write(self._path) as path:
            path.write_bytes(figure_png(data))

    def preview(self) -> ImagePreview:
        """The picture, for kedro-viz."""
        import base64

        return ImagePreview(base64.b64encode(self.load()).decode("ascii"))


class FigureFiles(WholeFile):
    """A folder of figures by name: saved as PNG, loaded as the bytes of those PNGs.

    The figure called ``""`` is ``all.png``; figures that are no longer saved are removed.
    """

    def load(self) -> dict[str, bytes]:
        """Bytes of each PNG."""
        names = {path: path.stem for path in sorted(self._path.glob("[!.]*.png"))}
        return {("" if name == "all" else name): path.read_bytes() for path, name in names.items()}

    def save(self, data: dict[str, Figure]) -> None:
        """Draw the figures."""
        from hrtem_shift.figures.report import figure_png

        wanted = {self._path / f"{name or 'all'}.png": figure for name, figure in data.items()}
        for path in set(self._path.glob("[!.]*.png")) - set(wanted):
            path.unlink()
        for target, figure in wanted.items():
            with atomic_write(target) as path:
                path.write_bytes(figure_png(figure))

    def preview(self) -> ImagePreview:
        """The first picture, for kedro-viz."""
        import base64

        return ImagePreview(base64.b64encode(next(iter(self.load().values()))).decode("ascii"))

    def _exists(self) -> bool:
        return bool(self.load())


class JSONFile(WholeFile):
    """Plain values by name."""

    def load(self) -> dict[str, Any]:
        """Read the values."""
        found: dict[str, Any] = json.loads(self._path.read_text(encoding="utf-8"))
        return found

    def save(self, data: dict[str, Any]) -> None:
        """Write the values."""
        with atomic_write(self._path) as path:
            path.write_text(json.dumps(data, indent=1), encoding="utf-8")


class PageFile(WholeFile):
    """A page of text, such as an HTML report."""

    def load(self) -> str:
        """Read the page."""
        return self._path.read_text(encoding="utf-8")

    def save(self, data: str) -> None:
        """Write the page."""
        with atomic_write(self._path) as path:
            path.write_text(data, encoding="utf-8")
