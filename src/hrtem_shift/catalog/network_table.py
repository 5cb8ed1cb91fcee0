"""All networks of a study at a glance."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hrtem_shift.tables import rows_of

if TYPE_CHECKING:
    from pandas import DataFrame

    from hrtem_shift.catalog.network_store import NetworkStore
    from hrtem_shift.catalog.results import StudyResults


def network_table(
    plan: DataFrame, store: NetworkStore, results: StudyResults, scores: DataFrame | None
) -> DataFrame:
    """One row a network of the plan, finished or not.

    Parameters
    ----------
    plan : DataFrame
        The study's plan.
    store : NetworkStore
        Holds the record of each network that is finished.
    results : StudyResults
        Of networks that were finished elsewhere.
    scores : DataFrame, optional
        One row a network and test; none before the networks are tested.

    Returns
    -------
    DataFrame
        The plan's columns; `status` (FINISHED, "in results" where only results are left, or
        "to train"); `validation_dice` of the best
        epoch; `seconds` of training; and ``dice/<test set>``, on unseen patches without noise by
        the network as it was trained. Unknown numbers are NaN.
    """
    import pandas as pd

    from hrtem_shift.evaluation.scoring import as_trained

    done = store.finished(plan["run_id"])
    rows = []
    for row in rows_of(plan):
        if row["run_id"] in done:
            state = {"status": "FINISHED", **_result(store, row["run_id"])}
        elif kept := results.networks.get(row.get("made_of", "")):
            state = {"status": "in results", **{name: kept[name] for name in _RESULT}}
        else:
            state = {"status": "to train", **dict.fromkeys(_RESULT)}
        rows.append({**row, **state})
    table = pd.DataFrame(rows).astype({"validation_dice": float, "seconds": float})
    if scores is None:
        return table
    clean = as_trained(scores)
    clean = clean[(clean["test_rho"] == 0) & (clean["patches"] != "train")]
    dice = clean.pivot(index="run_id", columns="test_set", values="hard_dice")
    return table.join(dice.add_prefix("dice/"), on="run_id")


_RESULT = ("validation_dice", "seconds")


def _result(store: NetworkStore, run_id: str) -> dict[str, float]:
    record = store.record(run_id)
    best = record["curve"][record["best_epoch"]]
    return {"validation_dice": best["validation_dice"], "seconds": record["seconds"]}
