"""Network packages of networks that a study has trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hrtem_shift.errors import InputError
from hrtem_shift.preparation.variants import patch_set_name, set_and_variant
from hrtem_shift.tables import rows_of
from hrtem_shift.training.recipe import Recipe

if TYPE_CHECKING:
    import pandas as pd

    from hrtem_shift.networks.weights import Weights
    from hrtem_shift.preparation.patch_set import PatchSet
    from hrtem_shift.preparation.patches import Preparation
    from hrtem_shift.reliability.held_out_tests import TestMicrograph
    from hrtem_shift.reliability.optics import TrainedOptics
    from hrtem_shift.reliability.training_domain import TrainingDomain
    from hrtem_shift.segmentation.description import PackageMember

_NOT_CONDITIONS = {"pixel_size_nm", "dose_e_per_A2", "session", "scene", "image", "item", "seed"}
"""Numeric columns of an inventory that are no condition, or have a field of their own."""
DRAWN = 200
"""Drawn micrographs in the evidence of a package."""
SCALES = (2.0, 1.0, 0.5, 0.25)
"""Scales at which networks for particles try an image."""

MEASURED_PX = 384
"""Edge of what is measured of a micrograph, at each of these scales."""

PARTICLE_LEVEL = 0.4
"""Probability of trained networks for particles from which a pixel is a particle; it becomes 0.5.

They leave out rims that they are unsure of: at 0.5 masks are too small on drawn scenes and on most
real micrographs (docs/evidence/particle-networks.md).
"""

_OF_FILES = ("height_px", "width_px", "particle_fraction")


@dataclass(frozen=True, eq=False)
class TrainedStudy:
    """What a study leaves behind, as far as a package needs it.

    Parameters
    ----------
    name : str
        Of the study.
    records : sequence of dict
        Of the networks to package: run_id, train_set, fold, seed, weights, parameters.
    preparations : mapping
        Variant -> how its micrographs are prepared.
    inventory : DataFrame
        One row a micrograph, with what is known of it.
    patch_sets : mapping
        Data set -> patches.
    scores : DataFrame, optional
        One row a network and test set; None where they were not tested.
    """

    name: str
    records: Sequence[Mapping[str, Any]]
    preparations: Mapping[str, Preparation]
    inventory: pd.DataFrame
    patch_sets: Mapping[str, PatchSet]
    scores: pd.DataFrame | None = None


def package_of(
    trained: TrainedStudy,
    weights: Sequence[Weights],
    folder: Path,
    name: str,
    *,
    processes: int = 1,
    drawn: int = DRAWN,
    labelled: Sequence[TestMicrograph] = (),
) -> None:
    """Test networks on micrographs that they have not seen, and package them.

    Parameters
    ----------
    trained : TrainedStudy
        The networks, all of one data set, and their study.
    weights : sequence of dict
        Of each network.
    folder, name
        Of the package.
    processes : int
        Micrographs tested at the same time.
    drawn : int
        Simulated micrographs that they are tested on besides.
    labelled : sequence of TestMicrograph
        Further micrographs to test them on.

    Raises
    ------
    InputError
        The networks were trained on several data sets, no micrograph was held out, or as
        `hrtem_shift.segmentation.package.write_package`.
    """
    from hrtem_shift.networks.weights import network_from
    from hrtem_shift.reliability.estimator import fit_estimator
    from hrtem_shift.reliability.held_out_tests import (
        Measurement,
        calibration_bins,
        drawn_tests,
        gather_evidence,
    )
    from hrtem_shift.reliability.observation import Scaling
    from hrtem_shift.segmentation.card import card_of
    from hrtem_shift.segmentation.description import Description, reliability_of
    from hrtem_shift.segmentation.package import write_package

    members = [_member(number, record) for number, record in enumerate(trained.records)]
    train_set = common_train_set(members)
    data_set, variant = set_and_variant(train_set)
    recipe, inventory = Recipe.model_validate(trained.records[0]["parameters"]), trained.inventory
    preparation = trained.preparations[variant]
    networks = tuple(map(network_from, weights))
    domain = domain_of(inventory[inventory["data_set"] == data_set], preparation.pixel_size_nm)
    tests = [*held_out_tests(trained, members), *labelled]
    assert domain.pixel_size_nm is not None
    tests += drawn_tests(drawn, len(networks), domain.pixel_size_nm.low)
    measurement = Measurement(networks, preparation, Scaling(domain.pixel_size_nm))
    kernel, evidence = fit_estimator(gather_evidence(measurement, tests, processes))
    folds = [member.fold for member in members]
    bins = calibration_bins(networks, folds, trained.patch_sets[train_set])
    description = Description(
        name=name,
        made_by=f"hrtem-shift {version('hrtem-shift')}, from the study {trained.name}",
        architecture=recipe.architecture,
        norm=recipe.norm,
        preparation=preparation,
        domain=domain,
        members=members,
        reliability=reliability_of(bins),
        kernel=kernel,
        optics=None if trained.scores is None else optics_of(trained.scores, inventory, data_set),
    )
    write_package(folder, description, weights, evidence, card_of(description, evidence))


def package_of_particles(
    records: Sequence[Mapping[str, Any]],
    weights: Sequence[Weights],
    tests: Sequence[TestMicrograph],
    folder: Path,
    name: str,
    *,
    processes: int = 1,
    drawn: int = DRAWN,
) -> None:
    """Package networks for particles of any kind (`hrtem_shift.networks.particle_unet`).

    Parameters
    ----------
    records, weights : sequence
        Of each network; weights are stored in half precision.
    tests : sequence of TestMicrograph
        Micrographs that no network was trained on.
    folder, name
        Of the package.
    processes : int
        Micrographs tested at the same time.
    drawn : int
        Drawn scenes that they are tested on besides, and as many under usual conditions.

    Raises
    ------
    InputError
        As `hrtem_shift.segmentation.package.write_package`.
    """
    from hrtem_shift.networks.particle_unet import with_particles_from
    from hrtem_shift.networks.weights import (
        half_precision,
        network_from,
        weights_fingerprint,
        weights_of,
        with_architecture,
    )
    from hrtem_shift.preparation.patches import Preparation
    from hrtem_shift.reliability.estimator import fit_estimator, thinned
    from hrtem_shift.reliability.held_out_tests import (
        DRAWN_SIZE_nm,
        Measurement,
        drawn_tests,
        gather_evidence,
    )
    from hrtem_shift.reliability.observation import Scaling
    from hrtem_shift.reliability.training_domain import TrainingDomain
    from hrtem_shift.segmentation.card import card_of
    from hrtem_shift.segmentation.description import Description
    from hrtem_shift.segmentation.package import write_package

    patch_px = records[0]["parameters"]["recipe"]["patch_px"]
    preparation = Preparation(patch_px=patch_px, rescaling="standardize")
    trained = [network_from(half_precision(each)) for each in weights]
    networks = tuple(with_particles_from(network, PARTICLE_LEVEL) for network in trained)
    halves = [
        half_precision(with_architecture(weights_of(network), "particle_unet", "batch"))
        for network in networks
    ]
    members = [
        _member(number, {**record, "weights": weights_fingerprint(half)})
        for number, (record, half) in enumerate(zip(records, halves, strict=True))
    ]
    measurement = Measurement(networks, preparation, Scaling(None, SCALES), MEASURED_PX)
    every = [*tests]
    for usual in (True, False):
        every += drawn_tests(drawn, len(networks), DRAWN_SIZE_nm, usual=usual)
    kernel, evidence = fit_estimator(thinned(gather_evidence(measurement, every, processes)))
    description = Description(
        name=name,
        made_by=f"hrtem-shift {version('hrtem-shift')}, from the pipeline particle_networks",
        architecture="particle_unet",
        norm="batch",
        preparation=preparation,
        domain=TrainingDomain(pixel_size_nm=None, dose_e_per_A2=None),
        scales=list(SCALES),
        members=members,
        reliability=[],
        kernel=kernel,
    )
    write_package(folder, description, halves, evidence, card_of(description, evidence))


def held_out_tests(trained: TrainedStudy, members: Sequence[PackageMember]) -> list[TestMicrograph]:
    """Micrographs of a study that at least one of the networks has not seen.

    Raises
    ------
    InputError
        No micrograph of the data set that was trained on is held out.
    """
    from functools import partial

    from hrtem_shift.micrographs.folder import load_micrograph
    from hrtem_shift.reliability.held_out_tests import TestMicrograph

    train_set, tests = members[0].train_set, []
    variant = set_and_variant(train_set)[1]
    for name, rows in trained.inventory.groupby("data_set", sort=False):
        key = patch_set_name(str(name), variant)
        if key not in trained.patch_sets:
            continue
        index = trained.patch_sets[key].index
        folds = index.groupby("micrograph")["fold"].agg(["first", "nunique"])
        for row in rows_of(rows):
            micrograph = str(row["micrograph"])
            if micrograph not in folds.index:
                continue  # no patch of it was kept
            fold, number = int(folds["first"][micrograph]), int(folds["nunique"][micrograph])
            usual = key == train_set
            unseen = [k for k, member in enumerate(members) if not usual or member.fold == fold]
            if not unseen or (usual and number > 1):
                continue
            group = str(row.get("group") or micrograph)
            load = partial(load_micrograph, row)
            tests.append(TestMicrograph(str(name), group, usual, load, tuple(unseen)))
    if not any(test.usual for test in tests):
        raise InputError(
            "no micrograph was held out of training",
            where=f"data set {train_set}",
            why="How well networks do is measured on micrographs that they have not seen",
            fix="Package networks of a study whose folds are cut by micrograph",
        )
    return tests


def common_train_set(members: Sequence[PackageMember]) -> str:
    """Patch set that all members were trained on.

    Raises
    ------
    InputError
        There are several.
    """
    train_sets = sorted({member.train_set for member in members})
    if len(train_sets) > 1:
        raise InputError(
            f"networks of {len(train_sets)} data sets: {', '.join(train_sets)}",
            where="run ids",
            why="An ensemble has one training domain",
            fix="Package networks of one data set together",
        )
    return train_sets[0]


def domain_of(inventory: pd.DataFrame, resampled_to_nm: float | None = None) -> TrainingDomain:
    """Training domain from the rows of a data set's micrographs.

    Parameters
    ----------
    inventory : DataFrame
        pixel_size_nm; dose_e_per_A2 if known; any other column of numbers is a condition.
    resampled_to_nm : float, optional
        Pixel size that micrographs were brought to before networks saw them.
    """
    from hrtem_shift.reliability.training_domain import Range, SignedRange, TrainingDomain

    def limits(name: str) -> dict[str, float]:
        return {"low": float(inventory[name].min()), "high": float(inventory[name].max())}

    if resampled_to_nm is not None:
        inventory = inventory.assign(pixel_size_nm=resampled_to_nm)
    complete = [str(name) for name in inventory if inventory[name].notna().all()]
    numbers = [str(name) for name in inventory.select_dtypes("number") if name in complete]
    conditions = [name for name in numbers if name not in {*_NOT_CONDITIONS, *_OF_FILES}]
    return TrainingDomain(
        pixel_size_nm=Range(**limits("pixel_size_nm")),
        dose_e_per_A2=Range(**limits("dose_e_per_A2")) if "dose_e_per_A2" in complete else None,
        conditions={name: SignedRange(**limits(name)) for name in conditions},
    )


def optics_of(scores: pd.DataFrame, inventory: pd.DataFrame, data_set: str) -> TrainedOptics | None:
    """Lenses of a data set, and how Dice falls with overlap of transfer in its study.

    Parameters
    ----------
    scores : DataFrame
        train_set, test_set, hard_dice and rho of each network and test; those trained with noise
        are left out.
    inventory : DataFrame
        data_set, pixel_size_nm, dose_e_per_A2 and fields of a lens for each micrograph.
    data_set : str
        The one that was trained on.

    Returns
    -------
    TrainedOptics or None
        None where defocus or dose is not known, or the study has too few pairs of conditions.
    """
    from hrtem_shift.microscope.conditions import Lens
    from hrtem_shift.reliability.optics import TrainedOptics, measured_relation
    from hrtem_shift.shift.measure import TransferMeasure
    from hrtem_shift.shift.overlap import transfer_overlap

    needed = {"defocus_nm", "dose_e_per_A2"}
    if not needed <= set(inventory) or inventory[[*needed]].isna().any(axis=None):
        return None
    fields = [name for name in Lens.model_fields if name in inventory]
    lenses = {
        str(name): Lens.model_validate(rows[fields].mean().to_dict())
        for name, rows in inventory.groupby("data_set", sort=False)
    }
    plain = scores[(scores["rho"] == 0) & scores["test_set"].isin(lenses)]
    cells = plain[plain["train_set"].isin(lenses)].pivot_table(
        index="train_set", columns="test_set", values="hard_dice", aggfunc="median"
    )
    measure = TransferMeasure()
    rows, columns = ([lenses[name] for name in names] for names in (cells.index, cells.columns))
    try:
        overlap = transfer_overlap(rows, columns, measure)
        relation = measured_relation(overlap, cells.to_numpy(), plain["run_id"].nunique())
    except InputError:
        return None
    return TrainedOptics(lenses=(lenses[data_set],), measure=measure, relation=relation)


def _member(number: int, record: Mapping[str, Any]) -> PackageMember:
    from hrtem_shift.segmentation.description import PackageMember

    names = ("run_id", "train_set", "fold", "seed", "weights")
    fields = {name: record[name] for name in names}
    return PackageMember(file=f"network_{number}.safetensors", **fields)
