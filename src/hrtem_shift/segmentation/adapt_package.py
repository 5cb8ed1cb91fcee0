"""Adapt the networks of a package to a few labelled images, with evidence on held-out ones."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from safetensors.numpy import load_file

from hrtem_shift.errors import InputError
from hrtem_shift.evaluation.dice import mask_dice
from hrtem_shift.execution.compute import Compute
from hrtem_shift.execution.executors import run_jobs
from hrtem_shift.execution.jobs import Report
from hrtem_shift.micrographs.micrograph import Micrograph
from hrtem_shift.networks.architectures import PARTICLES
from hrtem_shift.networks.inference import Predictor, predict
from hrtem_shift.networks.weights import (
    Weights,
    half_precision,
    network_from,
    weights_fingerprint,
)
from hrtem_shift.preparation.burned_in_marks import burned_in_marks
from hrtem_shift.preparation.hot_pixels import repair_hot_pixels
from hrtem_shift.progress import JobProgress
from hrtem_shift.reliability.estimator import fit_estimator
from hrtem_shift.reliability.held_out_tests import Measurement, TestMicrograph, gather_evidence
from hrtem_shift.reliability.observation import prepared_at_scale
from hrtem_shift.seeds import seed_at
from hrtem_shift.segmentation.card import card_of
from hrtem_shift.segmentation.description import Description
from hrtem_shift.segmentation.labelled_images import (
    find_labelled_images,
    load_labelled,
    load_micrograph_of,
)
from hrtem_shift.segmentation.package import NetworkPackage, write_package
from hrtem_shift.tables import rows_of
from hrtem_shift.training.fine_tuning import fine_tune
from hrtem_shift.training.particle_augmentations import Sample
from hrtem_shift.training.particle_recipe import FineTuningRecipe

SEED = 1013
MOST_FOLDS = 3
"""Parts of the images that are held out in turn, each from one more network."""

BETTER_SCALE = 0.05
"""Least gain of Dice for which an image is learned at a scale farther from its own."""

ALTERATIONS = 2
"""Altered copies of each held-out image in the evidence."""

_STEPS_PER_REPORT = 5
_NOTE = (
    "Adapted from the package {name} ({identity}), {steps} steps with {images} images of {folder}. "
    "These images, and altered copies of them, were measured in {folds} folds, each with a network "
    "that was adapted to the other folds. All other rows were measured before the adaptation."
)


def adapt_package(
    package: NetworkPackage,
    folder: Path,
    out: Path,
    name: str,
    *,
    recipe: FineTuningRecipe | None = None,
    processes: int = 1,
) -> None:
    """Write a package with networks that are adapted to labelled images.

    Parameters
    ----------
    package : NetworkPackage
        Of networks for particles.
    folder : Path
        See `hrtem_shift.segmentation.labelled_images.find_labelled_images`.
    out, name
        Folder and name of the new package.
    recipe : FineTuningRecipe, optional
    processes : int
        Networks adapted at the same time.

    Raises
    ------
    InputError
        The networks are of another architecture, or there are fewer than two images.
    InputErrors
        Files of the folder have faults.
    """
    recipe = recipe or FineTuningRecipe()
    description = package.description
    _check_architecture(description)
    inventory = find_labelled_images(folder)
    _check_images(inventory, folder)
    folds = folds_of(inventory)
    data_set = Path(folder).resolve().name
    trained = [load_file(package.folder / member.file) for member in description.members]
    first = Predictor(package.networks[0])
    images = [image_for_training(row, first, description) for row in rows_of(inventory)]
    jobs: list[_Job] = [(weights, range(len(images))) for weights in trained]
    for fold in range(folds.max() + 1):
        weights = trained[fold % len(trained)]
        jobs.append((weights, np.flatnonzero(folds != fold).tolist()))
    tuned = _all_fine_tuned(jobs, images, recipe, processes)
    adapted = [half_precision(weights) for weights in tuned[: len(trained)]]
    held_out = tuned[len(trained) :]
    tests = [
        TestMicrograph(
            data_set=data_set,
            group=f"{data_set}/{row['group']}",
            usual=True,
            load=partial(load_micrograph_of, row),
            unseen_by=(int(fold),),
            alterations=ALTERATIONS,
        )
        for row, fold in zip(rows_of(inventory), folds, strict=True)
    ]
    networks = tuple(map(network_from, held_out))
    measurement = Measurement(networks, description.preparation, description.scaling)
    measured = gather_evidence(measurement, tests, processes)
    before = package.evidence.assign(usual=False)
    kernel, evidence = fit_estimator(pd.concat([measured, before], ignore_index=True))
    members = [
        member.model_copy(
            update={
                "weights": weights_fingerprint(weights),
                "train_set": f"{member.train_set}, {data_set}",
            }
        )
        for member, weights in zip(description.members, adapted, strict=True)
    ]
    note = _NOTE.format(
        name=description.name,
        identity=package.identity[:16],
        steps=recipe.steps,
        images=len(images),
        folder=data_set,
        folds=len(held_out),
    )
    new = description.model_copy(
        update={
            "name": name,
            "made_by": f"hrtem-shift {version('hrtem-shift')}",
            "members": members,
            "reliability": [],
            "evidence_note": note,
            "kernel": kernel,
            "optics": None,
        }
    )
    write_package(out, new, adapted, evidence, card_of(new, evidence))


def folds_of(inventory: pd.DataFrame) -> NDArray[np.int64]:
    """Fold of each image, 0 to at most `MOST_FOLDS` - 1; images of a group are in one fold."""
    groups, _ = pd.factorize(inventory["group"])
    if groups.max() == 0:
        groups = np.arange(len(inventory))
    return groups % min(MOST_FOLDS, groups.max() + 1)


def image_for_training(row: dict[str, Any], network: Predictor, description: Description) -> Sample:
    """An image as the networks see it: repaired, without burned-in marks, prepared.

    Of several scales it has that at which the mask of `network` is most like the label, or its own
    where all masks are about as wrong.
    """
    micrograph, labelled = load_labelled(row)
    return at_best_scale(micrograph, labelled.labels, network, description)


def at_best_scale(
    micrograph: Micrograph,
    labels: NDArray[np.int32],
    network: Predictor,
    description: Description,
) -> Sample:
    """See `image_for_training`."""
    pixels = repair_hot_pixels(micrograph.pixels).pixels
    marks = burned_in_marks(pixels)
    labels = np.where(marks, 0, labels)
    best, highest = None, -1.0 - BETTER_SCALE
    for scale in description.scaling.of(pixels.shape, micrograph.pixel_size_nm):
        seen = prepared_at_scale(pixels, scale, description.preparation, marks)
        there = _at_shape(labels, seen.shape)
        mask = predict([network], seen).probability > 0.5
        dice = mask_dice(mask, there > 0)
        if dice >= highest + BETTER_SCALE:
            best, highest = Sample(seen, there), dice
    assert best is not None
    return best


_Job = tuple[Weights, Sequence[int]]
"""Weights to begin with, and which images to learn from."""


def _all_fine_tuned(
    jobs: Sequence[_Job], images: Sequence[Sample], recipe: FineTuningRecipe, processes: int
) -> list[Weights]:
    results: list[Weights] = [{} for _ in jobs]
    with JobProgress("networks adapted", len(jobs)) as progress:
        for outcome in run_jobs(
            _fine_tuned,
            list(enumerate(jobs)),
            compute=Compute(workers=processes),
            shared=(images, recipe),
            on_report=lambda index, step: progress.running(
                index, step / recipe.steps, f"step {step}"
            ),
        ):
            if outcome.error:
                raise outcome.error
            results[outcome.index] = outcome.result
            progress.ended(outcome.index)
    return results


def _fine_tuned(
    job: tuple[int, _Job], report: Report, images: Sequence[Sample], recipe: FineTuningRecipe
) -> Weights:
    number, (weights, shown) = job

    def on_step(step: int) -> None:
        if step % _STEPS_PER_REPORT == 0:
            report(step)

    seed = seed_at(SEED, "network", number)
    return fine_tune(weights, [images[k] for k in shown], recipe, seed=seed, on_step=on_step)


def _at_shape(labels: NDArray[np.int32], shape: tuple[int, ...]) -> NDArray[np.int32]:
    from skimage.transform import resize

    if labels.shape == shape:
        return labels
    resized = resize(labels, shape, order=0, anti_aliasing=False, preserve_range=True)
    return np.asarray(resized, np.int32)


def _check_architecture(description: Description) -> None:
    if description.architecture != PARTICLES:
        raise InputError(
            f"networks of the architecture {description.architecture}",
            where=f"network package {description.name}",
            why=f"Only networks that predict particles and their cores ({PARTICLES}) are adapted",
            fix="Name another package with --network, or train networks on your images "
            "(docs/own-images.md)",
        )


def _check_images(inventory: pd.DataFrame, folder: Path) -> None:
    if len(inventory) < 2:
        raise InputError(
            "there is 1 labelled image",
            where=str(folder),
            why="How well the networks do is measured on images that are held out: with one image "
            "nothing is left to adapt to",
            fix="Label at least two images, better three",
        )
    if not inventory["particle_fraction"].any():
        raise InputError(
            "no label shows a particle",
            where=str(folder),
            why="Networks learn from particles what a particle is",
            fix="Label the particles of at least two images",
        )
