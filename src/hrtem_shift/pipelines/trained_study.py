"""The study that has trained some networks, found by the plans of the project's studies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hrtem_shift.errors import InputError
from hrtem_shift.pipelines.study import Study, assign_folds

if TYPE_CHECKING:
    from hrtem_shift.catalog.network_store import NetworkStore, Record
    from hrtem_shift.segmentation.packaging import TrainedStudy


def study_of(
    run_ids: Sequence[str], store: NetworkStore, catalog: Any, parameters: Mapping[str, Any]
) -> TrainedStudy:
    """The study whose plan names all of these networks.

    Raises
    ------
    InputError
        A network is not finished, no plan names all of them, or they were trained on other
        patches than are stored now.
    """
    records = finished_records(run_ids, store, catalog, parameters)
    for name, block in parameters.items():
        plan = f"{name}.plan"
        if not (isinstance(block, Study) and catalog.exists(plan)):
            continue
        if set(run_ids) <= set(catalog.load(plan)["run_id"]):
            return _loaded(name, block, records, catalog)
    raise _no_study(", ".join(run_ids[:3]), "in the plan of no study, or of several")


def finished_records(
    run_ids: Sequence[str], store: NetworkStore, catalog: Any, parameters: Mapping[str, Any]
) -> list[Record]:
    """Records of networks of the store.

    Raises
    ------
    InputError
        One of them is not finished, or only results of it are left.
    """
    missing = sorted(set(run_ids) - store.finished(run_ids))
    if missing:
        from hrtem_shift.catalog.network_store import weights_are_missing

        studies = [name for name, block in parameters.items() if isinstance(block, Study)]
        entries = [f"{name}.results" for name in studies if f"{name}.results" in catalog]
        for results in map(catalog.load, entries):
            if missing[0] in {row["run_id"] for row in results.networks.values()}:
                raise weights_are_missing(missing[0])
        raise _no_study(missing[0], "no such network is finished")
    return [store.record(run_id) for run_id in run_ids]


def _loaded(name: str, study: Study, records: Sequence[Record], catalog: Any) -> TrainedStudy:
    from hrtem_shift.evaluation.scoring import as_trained
    from hrtem_shift.segmentation.packaging import TrainedStudy

    patch_sets, inventory = catalog.load(f"{name}.patch_sets"), catalog.load(f"{name}.inventory")
    plans = assign_folds(inventory, study)
    for record in records:
        stored, planned = (sets.get(record["train_set"]) for sets in (patch_sets, plans))
        if not (stored and planned and stored.source_fingerprint == planned.source_fingerprint):
            raise InputError(
                f"the patches of the study {name} are not those of its parameters",
                where=f"network {record['run_id']}",
                why="A network is tested on patches that were prepared as for its training",
                fix=f"Set the parameters back, or train it anew: kedro run --pipeline={name}",
            )
    tested = catalog.exists(f"{name}.scores")
    scores = as_trained(catalog.load(f"{name}.scores")) if tested else None
    return TrainedStudy(name, records, study.preparations(), inventory, patch_sets, scores)


def _no_study(run_id: str, what: str) -> InputError:
    return InputError(
        what,
        where=f"network {run_id}",
        why="What a network was trained on is known from its study",
        fix="Name finished networks of one study, as 'kedro networks STUDY' lists them, and its "
        "Kedro environment with --env",
    )
