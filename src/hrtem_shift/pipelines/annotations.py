"""Types in the signatures of nodes.

Kedro resolves annotations when it starts, and these types take seconds to import: only type
checkers see them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__all__ = [
    "DataFrame",
    "ExitWaveStore",
    "Figure",
    "Findings",
    "LazyPatchSet",
    "MicrographFolders",
    "Module",
    "NetworkStore",
    "PatchSet",
    "RawMicrographs",
    "SegmentationResults",
    "StudyResults",
    "Tracker",
]

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame
    from torch.nn import Module

    from hrtem_shift.catalog.exit_wave_store import ExitWaveStore
    from hrtem_shift.catalog.micrograph_folders import MicrographFolders
    from hrtem_shift.catalog.network_store import NetworkStore
    from hrtem_shift.catalog.raw_micrographs import RawMicrographs
    from hrtem_shift.catalog.results import StudyResults
    from hrtem_shift.catalog.segmentation_results import SegmentationResults
    from hrtem_shift.preparation.patch_set import PatchSet
    from hrtem_shift.preparation.patch_set_plan import LazyPatchSet
    from hrtem_shift.scorecard.findings import Findings
    from hrtem_shift.tracking import Tracker
else:
    globals().update(dict.fromkeys(__all__, Any))
