"""Results of segmentation: a folder for each image, and tables of all."""

from __future__ import annotations

from pathlib import Path

from hrtem_shift.catalog.stores import StoreDataset


class SegmentationResults:
    """Folder of the results of segmentation (`hrtem_shift.segmentation.batch`).

    Parameters
    ----------
    folder : Path
        Made when the first image is finished.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)


class SegmentationResultsDataset(StoreDataset):
    """Catalog entry of the results of segmentation."""

    store = SegmentationResults
