"""Packages of networks that a study of this project has trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hrtem_shift.errors import InputError
from hrtem_shift.pipelines.study import Study, assign_folds
from hrtem_shift.preparation.variants import patch_set_name, set_and_variant
from hrtem_shift.tables import rows_of
from hrtem_shift.training.recipe import Recipe

if TYPE_CHECKING:
    import pandas as pd

    from hrtem_shift.catalog.network_store import NetworkStore, Record
    from hrtem_shift.preparation.patch_set import PatchSet
    from hrtem_shift.reliability.held_out_tests import TestMicrograph
    from hrtem_shift.reliability.optics import TrainedOptics
    from hrtem_shift.reliability.training_domain import TrainingDomain
    from hrtem_shift.segmentation.description import Member

_NO_CONDITION = {"pixel_size_nm", "dose_e_per_A2", "session", "scene", "image", "item", "seed"}
"""Numbers of an inventory that are no condition, or have a place of their own."""
DRAWN = 200
"""Drawn micrographs in the evidence of a package."""
_OF_FILES = ("height_px", "width_px", "particle_fraction")


@dataclass(frozen=True, eq=False)
class TrainedStudy:
    """What a study leaves behind, as far as a package needs it.

    Parameters
    ----------
    name : str
        Of the study.
    study : Study
        Its parameters.
    inventory : DataFrame
        One row a micrograph, with what is known of it.
    patch_sets : mapping
        Data set -> patches.
    scores : DataFrame, optional
        One row a network and test set; None where they were not tested.
    """

    name: str
    study: Study
    inventory: pd.DataFrame
    patch_sets: Mapping[str, PatchSet]
    scores: pd.DataFrame | None = None


def package_networks(
    run_ids: Sequence[str], folder: Path, name: str, *, env: str | None = None, processes: int = 1
) -> None:
    """Package networks of the project in the working folder.

    Parameters
    ----------
    run_ids : sequence of str
        Of one study and one data set; several make an ensemble.
    folder : Path
        Where the package goes.
    name : str
        What it is called.
    env : str, optional
        Kedro environment in which they were trained.

    Raises
    ------
    InputError
        A network is not there, is of another study than the first, or was trained on other
        patches than lie there now; or as `write_package` does.
    """
    from kedro.framework.session import KedroSession
    from kedro.framework.startup import bootstrap_project

    bootstrap_project(Path.cwd())
    with KedroSession.create(env=env) as session:
        context = session.load_context()
        store = context.catalog.load("network_store")
        study = study_of(run_ids, store, context.catalog, context.params)
        package_of(study, run_ids, store, folder, name, processes=processes)


def package_of(
    trained: TrainedStudy,
    run_ids: Sequence[str],
    store: NetworkStore,
    folder: Path,
    name: str,
    *,
    processes: int = 1,
    drawn: int = DRAWN,
) -> None:
    """Test networks on the micrographs of their study that they have not seen, and pack them.

    Beside these they are tested on so many drawn ones.
    """
    from hrtem_shift.networks.weights import network_from
    from hrtem_shift.reliability.estimator import fit_estimator
    from hrtem_shift.reliability.held_out_tests import (
        Measurement,
        calibration_bins,
        drawn_tests,
        gather_evidence,
    )
    from hrtem_shift.segmentation.card import card_of
    from hrtem_shift.segmentation.description import Description, reliability_of
    from hrtem_shift.segmentation.package import write_package

    records = [store.record(run_id) for run_id in run_ids]
    weights = [store.weights(run_id) for run_id in run_ids]
    members = [_member(number, record) for number, record in enumerate(records)]
    (own,) = trained_on(members)
    data_set, variant = set_and_variant(own)
    recipe, inventory = Recipe.model_validate(records[0]["parameters"]), trained.inventory
    preparation = trained.study.preparations()[variant]
    networks = tuple(network_from(one) for one in weights)
    domain = domain_of(inventory[inventory["data_set"] == data_set], preparation.pixel_size_nm)
    tests = tests_of(trained, members, own, variant)
    tests += drawn_tests(drawn, len(networks), domain.pixel_size_nm.low)
    measurement = Measurement(networks, preparation, domain.pixel_size_nm)
    kernel, evidence = fit_estimator(gather_evidence(measurement, tests, processes))
    folds = [member.fold for member in members]
    description = Description(
        name=name,
        made_by=f"hrtem-shift {version('hrtem-shift')}, from the study {trained.name}",
        architecture=recipe.architecture,
        norm=recipe.norm,
        preparation=preparation,
        domain=domain,
        members=members,
        reliability=reliability_of(calibration_bins(networks, folds, trained.patch_sets[own])),
        kernel=kernel,
        optics=None if trained.scores is None else optics_of(trained.scores, inventory, data_set),
    )
    write_package(folder, description, weights, evidence, card_of(description, evidence))


def tests_of(
    trained: TrainedStudy, members: Sequence[Member], own: str, variant: str
) -> list[TestMicrograph]:
    """Micrographs of a study that at least one of the networks has not seen.

    Raises
    ------
    InputError
        No micrograph of the data set that was trained on is held out.
    """
    from functools import partial

    from hrtem_shift.micrographs.folder import load_micrograph
    from hrtem_shift.reliability.held_out_tests import TestMicrograph

    tests = []
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
            unseen = [k for k, m in enumerate(members) if key != own or m.fold == fold]
            if not unseen or (key == own and number > 1):
                continue
            group = str(row.get("group") or micrograph)
            load = partial(load_micrograph, row)
            tests.append(TestMicrograph(str(name), group, key == own, load, tuple(unseen)))
    if not any(test.usual for test in tests):
        raise InputError(
            "no micrograph was held out from all of its training",
            where=f"data set {own}",
            why="Nobody can tell how well these networks do on what they have not seen",
            fix="Package networks of a study whose folds are cut by micrograph",
        )
    return tests


def trained_on(members: Sequence[Member]) -> set[str]:
    """The data set that all members were trained on, as a set of one.

    Raises
    ------
    InputError
        There are several.
    """
    sets = {member.train_set for member in members}
    if len(sets) > 1:
        raise InputError(
            f"networks of {len(sets)} data sets: {', '.join(sorted(sets))}",
            where="run ids",
            why="An ensemble has one training domain",
            fix="Package networks of one data set together",
        )
    return sets


def study_of(
    run_ids: Sequence[str], store: NetworkStore, catalog: Any, parameters: Mapping[str, Any]
) -> TrainedStudy:
    """The study whose plan names all of these networks.

    Raises
    ------
    InputError
        As `package_networks`.
    """
    missing = sorted(set(run_ids) - store.finished(run_ids))
    if missing:
        raise _unknown(missing[0], "no such network is finished")
    for name, block in parameters.items():
        plan = f"{name}.plan"
        if not (isinstance(block, Study) and catalog.exists(plan)):
            continue
        if set(run_ids) <= set(catalog.load(plan)["run_id"]):
            records = [store.record(run_id) for run_id in run_ids]
            return _loaded(name, block, records, catalog)
    raise _unknown(", ".join(run_ids[:3]), "in the plan of no study, or of several")


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
    known = [str(name) for name in inventory if inventory[name].notna().all()]
    numbers = [str(name) for name in inventory.select_dtypes("number") if name in known]
    conditions = [name for name in numbers if name not in {*_NO_CONDITION, *_OF_FILES}]
    return TrainingDomain(
        pixel_size_nm=Range(**limits("pixel_size_nm")),
        dose_e_per_A2=Range(**limits("dose_e_per_A2")) if "dose_e_per_A2" in known else None,
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
    TrainingDomain or None
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


def _loaded(name: str, study: Study, records: Sequence[Record], catalog: Any) -> TrainedStudy:
    patch_sets, inventory = catalog.load(f"{name}.patch_sets"), catalog.load(f"{name}.inventory")
    plans = assign_folds(inventory, study)
    for record in records:
        found, now = (sets.get(record["train_set"]) for sets in (patch_sets, plans))
        if found is None or now is None or found.source_fingerprint != now.source_fingerprint:
            raise InputError(
                f"the patches of the study {name} are not those of its parameters",
                where=f"network {record['run_id']}",
                why="What is said of a network must be measured on what it was trained with",
                fix=f"Set the parameters back, or train it anew: kedro run --pipeline={name}",
            )
    scores = catalog.load(f"{name}.scores") if catalog.exists(f"{name}.scores") else None
    return TrainedStudy(name, study, inventory, patch_sets, scores)


def _member(number: int, record: Record) -> Member:
    from hrtem_shift.segmentation.description import Member

    names = ("run_id", "train_set", "fold", "seed", "weights")
    known = {name: record[name] for name in names}
    return Member(file=f"network_{number}.safetensors", **known)


def _unknown(run_id: str, what: str) -> InputError:
    return InputError(
        what,
        where=f"network {run_id}",
        why="What a network was trained on is known from its study",
        fix="Name finished networks of one study, as 'kedro networks STUDY' lists them, and its "
        "Kedro environment with --env",
    )
