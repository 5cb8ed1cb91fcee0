"""Evidence: tests of a package's networks on labelled micrographs that they had not seen.

A row an image: its hard Dice, and the inputs of an expectation
(`hrtem_shift.reliability.observation`). Beside held-out micrographs of the trained kind there are
altered ones (`hrtem_shift.reliability.alterations`), drawn ones (`hrtem_shift.mass_thickness`), and
other labelled micrographs: Dice can be expected only of images like those of the evidence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from torch import nn

from hrtem_shift.evaluation.dice import mask_dice
from hrtem_shift.micrographs.micrograph import Micrograph
from hrtem_shift.networks.cores import particles_of
from hrtem_shift.networks.inference import Predictor
from hrtem_shift.networks.mixed_norms import has_batch_norms
from hrtem_shift.preparation.burned_in_marks import burned_in_marks
from hrtem_shift.preparation.hot_pixels import repair_hot_pixels
from hrtem_shift.preparation.patches import Preparation
from hrtem_shift.preparation.resampling import mapped_back
from hrtem_shift.progress import JobProgress
from hrtem_shift.reliability.alterations import ALTERATIONS, Labelled
from hrtem_shift.reliability.observation import INPUTS, MIXED_SHARE, Scaling, observe
from hrtem_shift.seeds import generator_at
from hrtem_shift.tables import rows_of

if TYPE_CHECKING:
    from hrtem_shift.mass_thickness.drawn_scenes import DrawnScene
    from hrtem_shift.preparation.patch_set import PatchSet

MEASURED_COLUMNS = (
    "data_set",
    "micrograph",
    "group",
    "usual",
    "n_networks",
    "scale",
    "mixed_norms",
    "hard_dice",
    "pixel_size_nm",
    "dose_e_per_A2",
    *INPUTS,
)
LARGEST_PX = 512
"""Largest edge of the square in the middle of a micrograph that is measured, unless stated."""

DRAWN_PX, DRAWN_SIZE_nm = 384, 1.0
"""Edge of a drawn micrograph, and of its pixels where networks know no pixel size."""

CALIBRATION_BINS = 10
"""Number of equally wide bins of probability."""

SEED = 1711


@dataclass(frozen=True)
class TestMicrograph:
    """A micrograph to measure networks on.

    Parameters
    ----------
    data_set, group : str
        Origin; micrographs of a group, such as a scene, are similar.
    usual : bool
        Whether it is of the trained kind.
    load : callable
        Reads it.
    unseen_by : tuple of int
        Indices of the networks that were not trained on it.
    alterations : int
        Number of altered copies to measure, too.
    """

    data_set: str
    group: str
    usual: bool
    load: Callable[[], Micrograph]
    unseen_by: tuple[int, ...]
    alterations: int = 2

    __test__ = False  # pytest would collect it


@dataclass(frozen=True, eq=False)
class Measurement:
    """Networks and the preparation of their images, to be measured.

    Parameters
    ----------
    networks : tuple of Module
    preparation : Preparation
    scaling : Scaling
    largest_px : int
        Largest edge of the square in the middle of a micrograph that is measured.
    """

    networks: tuple[nn.Module, ...]
    preparation: Preparation
    scaling: Scaling
    largest_px: int = LARGEST_PX

    def rows(self, test: TestMicrograph) -> list[dict[str, Any]]:
        """Rows of a micrograph and its altered copies, at each scale that shows a particle.

        At the scale of the highest soft Dice also with mixed batch norms, where networks have
        them and find the scale themselves.
        """
        micrograph = test.load()
        middle = tuple(
            slice(start, start + self.largest_px)
            for start in (max(side - self.largest_px, 0) // 2 for side in micrograph.pixels.shape)
        )
        plain = Labelled(
            np.asarray(micrograph.pixels[middle], np.float32),
            np.asarray(micrograph.mask[middle] == 1),
            micrograph.pixel_size_nm,
        )
        ensemble = [Predictor(self.networks[k]) for k in test.unseen_by]
        order = generator_at(SEED, "order", test.data_set, micrograph.name)
        chosen = order.permutation(sorted(ALTERATIONS))[: test.alterations].tolist()
        rows = []
        for name in ["", *chosen]:
            address = generator_at(SEED, "alter", test.data_set, micrograph.name, name)
            labelled = ALTERATIONS[name](plain, address) if name else plain
            rows += [
                {
                    "data_set": name or test.data_set,
                    "micrograph": f"{test.data_set}/{micrograph.name}",
                    "group": test.group,
                    "usual": test.usual and not name,
                    "n_networks": len(ensemble),
                    "pixel_size_nm": labelled.pixel_size_nm,
                    "dose_e_per_A2": micrograph.metadata.get("dose_e_per_A2", np.nan),
                    **measured,
                }
                for measured in self._measured(labelled, ensemble)
            ]
        return rows

    def _measured(
        self, labelled: Labelled, ensemble: Sequence[Predictor]
    ) -> Iterator[dict[str, float]]:
        """Scale, hard Dice and inputs, for each scale at which a particle was found."""
        pixels = repair_hot_pixels(labelled.pixels).pixels
        marks = burned_in_marks(pixels)
        size_nm = labelled.pixel_size_nm
        confidence: dict[float, float] = {}

        def measured(scale: float, mixed_norms: float = 0.0) -> Iterator[dict[str, float]]:
            seen = observe(
                pixels, scale, ensemble, self.preparation, marks=marks, mixed_norms=mixed_norms
            )
            probability = mapped_back(seen.prediction.probability, (*pixels.shape,))
            core = seen.prediction.core
            mask = (
                particles_of(
                    (probability > 0.5) & ~marks,
                    None if core is None else mapped_back(core, (*pixels.shape,)),
                    smallest_px=self.scaling.smallest_area_nm2(size_nm, scale) / size_nm**2,
                    smallest_share=self.scaling.smallest_share,
                )
                > 0
            )
            if seen.inputs is not None and mask.any():
                confidence[scale] = seen.prediction.soft_dice
                inputs = dict(zip(INPUTS, seen.inputs.tolist(), strict=True))
                dice = mask_dice(mask, labelled.mask)
                yield {"scale": scale, "mixed_norms": mixed_norms, "hard_dice": dice, **inputs}

        for scale in self.scaling.of(pixels.shape, size_nm):
            yield from measured(scale)
        if self.scaling.scales and confidence and has_batch_norms(ensemble[0].trained):
            yield from measured(max(confidence, key=lambda each: confidence[each]), MIXED_SHARE)


def gather_evidence(
    measurement: Measurement, tests: Sequence[TestMicrograph], processes: int = 1
) -> pd.DataFrame:
    """Measure networks on micrographs, in several processes.

    Returns
    -------
    DataFrame
        `MEASURED_COLUMNS`, numbers to six digits, in the order of the micrographs.
    """
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    rows: list[dict[str, Any]] = []
    with ExitStack() as stack:
        measured: Iterator[list[dict[str, Any]]] = map(measurement.rows, tests)
        if processes > 1:
            pool = ProcessPoolExecutor(processes, get_context("fork"), _single_thread)
            measured = stack.enter_context(pool).map(measurement.rows, tests)
        progress = stack.enter_context(JobProgress("micrographs measured", len(tests)))
        for number, of_a_micrograph in enumerate(measured):
            rows += of_a_micrograph
            progress.ended(number)
    table = pd.DataFrame(rows, columns=list(MEASURED_COLUMNS))
    numbers = table.select_dtypes("number").columns
    table[numbers] = table[numbers].map(lambda value: float(f"{value:.6g}"))
    return table


def drawn_tests(
    number: int, networks: int, pixel_size_nm: float, *, usual: bool = False
) -> list[TestMicrograph]:
    """Micrographs drawn by mass-thickness contrast, which no network was trained on.

    Parameters
    ----------
    number : int
        Number of micrographs.
    networks : int
        Number of networks in the package.
    pixel_size_nm : float
        Stated pixel size [nm], one of training: particles of any size in pixels are drawn.
    usual : bool
        Whether they show particles under `usual_conditions`, as networks that were trained on
        drawn scenes may expect.
    """
    data_set = "drawn_usual" if usual else "drawn"
    return [
        TestMicrograph(
            data_set=data_set,
            group=f"{data_set}_{k}",
            usual=usual,
            load=partial(drawn_micrograph, data_set, k, pixel_size_nm),
            unseen_by=tuple(range(networks)),
            alterations=0,
        )
        for k in range(number)
    ]


def folder_tests(
    inventory: pd.DataFrame, data_set: str, networks: int, *, usual: bool, alterations: int
) -> list[TestMicrograph]:
    """Micrographs of a labelled folder that no network was trained on.

    Parameters
    ----------
    inventory : DataFrame
        From `hrtem_shift.micrographs.folder.inspect_folder`.
    """
    from hrtem_shift.micrographs.folder import load_micrograph

    return [
        TestMicrograph(
            data_set=data_set,
            group=str(row.get("group") or row["micrograph"]),
            usual=usual,
            load=partial(load_micrograph, row),
            unseen_by=tuple(range(networks)),
            alterations=alterations,
        )
        for row in rows_of(inventory)
    ]


def calibration_bins(
    networks: Sequence[nn.Module], folds: Sequence[int], patch_set: PatchSet
) -> NDArray[np.float64]:
    """Sums over pixels by predicted probability, of held-out patches.

    Parameters
    ----------
    networks, folds : sequence
        Networks, and the held-out fold of each.

    Returns
    -------
    ndarray, shape (3, CALIBRATION_BINS)
        Number of pixels, sum of their probabilities, number on particles.
    """
    sums = np.zeros((3, CALIBRATION_BINS))
    fold_of_patch = patch_set.index["fold"].to_numpy()
    for network, fold in zip(networks, folds, strict=True):
        predictor = Predictor(network)
        for k in np.flatnonzero(fold_of_patch == fold):
            probability = predictor.of_patches(np.asarray(patch_set.images[k : k + 1], np.float32))
            truth = np.asarray(patch_set.masks[k]).ravel() == 1
            bins = np.minimum(
                (probability * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1
            ).ravel()
            for row, weights in zip(sums, (None, probability.ravel(), truth), strict=True):
                row += np.bincount(bins, weights, minlength=CALIBRATION_BINS)
    return sums


def usual_conditions(scene: DrawnScene) -> bool:
    """A scene as a microscopist would keep it.

    It shows particles, and has 100 electrons a pixel or more, 40 % of its contrast, a blur of at
    most 2 px, and particles on at least 1 % of it.
    """
    given = scene.conditions
    return bool(
        given["electrons_per_px"] >= 100
        and given["contrast"] >= 0.4
        and given["blur_px"] <= 2
        and (scene.labels > 0).mean() >= 0.01
    )


def drawn_micrograph(data_set: str, number: int, pixel_size_nm: float) -> Micrograph:
    """A drawn micrograph; of any data set but ``drawn`` under `usual_conditions`."""
    from itertools import count

    from hrtem_shift.mass_thickness.drawn_scenes import DrawnScenes, draw_scene

    shape, name = (DRAWN_PX, DRAWN_PX), f"{data_set}_{number}"
    if data_set == "drawn":
        scene = draw_scene(DrawnScenes(), SEED, "evidence", number, shape=shape)
    else:
        tried = (
            draw_scene(DrawnScenes(), SEED, data_set, number, attempt, shape=shape)
            for attempt in count()
        )
        scene = next(filter(usual_conditions, tried))
    return Micrograph(name, scene.pixels, pixel_size_nm, scene.labels > 0)


def _single_thread() -> None:
    import torch

    torch.set_num_threads(1)
