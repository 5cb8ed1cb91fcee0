"""Stores: folders that nodes fill bit by bit.

A node is given the folder of a store, and outputs the store, so that its readers come after it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hrtem_shift.parameters import ParameterBlock

if TYPE_CHECKING:
    from hrtem_shift.catalog.exit_wave_store import ExitWaveStore
    from hrtem_shift.catalog.micrograph_folders import MicrographFolders
    from hrtem_shift.catalog.network_store import NetworkStore
    from hrtem_shift.catalog.segmentation_results import SegmentationResults


class Stores(ParameterBlock):
    """The folder of each store."""

    exit_waves: str
    micrographs: str
    networks: str
    segmentation: str


def exit_wave_store(folder: Path) -> ExitWaveStore:
    """Open the store of exit waves."""
    from hrtem_shift.catalog.exit_wave_store import ExitWaveStore

    return ExitWaveStore(folder)


def micrograph_folders(folder: Path) -> MicrographFolders:
    """Open the folders of simulated micrographs."""
    from hrtem_shift.catalog.micrograph_folders import MicrographFolders

    return MicrographFolders(folder)


def network_store(folder: Path) -> NetworkStore:
    """Open the store of networks."""
    from hrtem_shift.catalog.network_store import NetworkStore

    return NetworkStore(folder)


def segmentation_results(folder: Path) -> SegmentationResults:
    """Open the results of segmentation."""
    from hrtem_shift.catalog.segmentation_results import SegmentationResults

    return SegmentationResults(folder)


def filling(function: Callable[..., Any], **opened_by: Callable[[Path], Any]) -> Callable[..., Any]:
    """Make a node function take a folder for a store, and return the store after its results.

    Parameters
    ----------
    function : callable
        Node function with an argument that is a store.
    **opened_by : callable
        Name of that argument, and what opens its folder.
    """
    ((argument, open_store),) = opened_by.items()

    @wraps(function)
    def node(*inputs: Any) -> tuple[Any, ...]:
        bound = signature(function).bind(*inputs)
        store = open_store(Path(bound.arguments[argument]).resolve())
        bound.arguments[argument] = store
        results = function(*bound.args)
        return (*results, store) if isinstance(results, tuple) else (results, store)

    return node
