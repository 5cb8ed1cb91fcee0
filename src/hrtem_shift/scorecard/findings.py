"""Result tables of a study, and the networks that a claim is about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from hrtem_shift.evaluation.referee import own_dose_e_per_A2

NO_DATA_SETS = pd.DataFrame({"data_set": []})


class Undecided(Exception):
    """The tables cannot decide a claim; the message says why."""


@dataclass(frozen=True, eq=False)
class Findings:
    """The tables that a study wrote.

    Attributes
    ----------
    scores : DataFrame
        One row a network and test: train_set, fold, seed, test_set and a column a value
        (hard_dice, ...); where a study has them variant, noise_mode, rho, test_rho, norm_share,
        patches (``fold``, ``whole`` or ``train``), reason.
    data_sets : DataFrame
        One row a set: data_set and medians such as dose_e_per_A2; may be empty.
    others : mapping of str to DataFrame
        Further tables, by the names of their files.
    """

    scores: pd.DataFrame
    data_sets: pd.DataFrame = field(default_factory=lambda: NO_DATA_SETS)
    others: Mapping[str, pd.DataFrame] = field(default_factory=dict)

    def other(self, name: str) -> pd.DataFrame:
        """A further table; `Undecided` where there is none."""
        if name not in self.others:
            raise Undecided(f"the study wrote no {name}.csv")
        return self.others[name]


def without_noise(findings: Findings) -> pd.DataFrame:
    """Tests of networks trained and tested without noise; the bootstrap resamples folds."""
    rows = _tested_without_noise(findings)
    return _with_units(rows[rows["norm_share"] == 0])


def with_mixed_norms(findings: Findings) -> pd.DataFrame:
    """The same, as trained and with mixed batch norms (``norm_share`` above 0)."""
    rows = _tested_without_noise(findings)
    if not (rows["norm_share"] > 0).any():
        raise Undecided("no network was tested with mixed batch norms")
    return _with_units(rows)


def _tested_without_noise(findings: Findings) -> pd.DataFrame:
    rows = _filled(findings.scores)
    return rows[(rows["rho"] == 0) & (rows["test_rho"] == 0)]


def along_the_noise(findings: Findings) -> pd.DataFrame:
    """Tests of networks trained with noise, and of the same ones trained without.

    Noise is studied on few folds: the bootstrap resamples folds where there are several,
    else networks.
    """
    rows = _filled(findings.scores)
    rows = rows[rows["norm_share"] == 0]
    network = ["train_set", "fold", "seed"]
    with_noise = rows.loc[rows["rho"] > 0, network].drop_duplicates()
    if with_noise.empty:
        raise Undecided("no network was trained with noise")
    rows = rows.merge(with_noise, on=network)
    return _with_units(rows.assign(noisy_test=rows["test_rho"] > 0))


def by_recipe(findings: Findings) -> pd.DataFrame:
    """Tests of networks without noise, with ``recipe``: the study's ``own``, or the ``best``."""
    rows = without_noise(findings)
    if "recipe" in rows:
        return rows
    return rows.merge(findings.other("networks")[["run_id", "recipe"]], on="run_id")


def searches(findings: Findings) -> pd.DataFrame:
    """Hyperparameter searches, one row a data set.

    Returns
    -------
    DataFrame
        ``lower_by``: the part by which the lowest validation loss lies below that of the
        first trial, the study's own recipe.
    """
    trials = findings.other("trials")
    searched = trials.get("train_set", "all")
    rows = []
    for _, search in trials.assign(unit=searched).groupby("unit", sort=False):
        losses = search["validation_loss"].mask(search["pruned"].astype(bool))
        first = search[[column for column in ("unit", "confidence") if column in search]].head(1)
        rows.append(first.assign(lower_by=1 - losses.min() / losses.iloc[0]))
    table = pd.concat(rows).assign(unit_kind="data set", train_set=SEARCH, test_set=SEARCH)
    return _filled(table)


SEARCH = "search"
"""Train and test set in the table of `searches`."""


def published_networks_judging(scores: pd.DataFrame) -> Findings:
    """Scores of published networks on simulated images, as those of a study of doses.

    Parameters
    ----------
    scores : DataFrame
        From `hrtem_shift.evaluation.referee.referee_scores`: family, fold, test_set (a dose
        in e/Å²), hard_dice.

    Returns
    -------
    Findings
        Of the families of 5 nm gold at 330 kX; sets are named by their doses.
    """
    gold = scores[scores["family"].str.startswith("5nmAu330kX")]
    doses = gold["family"].map(own_dose_e_per_A2)
    gold = gold[doses.notna()]
    rows = gold.assign(
        train_set=[f"{dose:g}" for dose in doses.dropna()],
        test_set=[f"{float(dose):g}" for dose in gold["test_set"]],
        seed=0,
        patches="whole",  # of images that no published network has seen
    )
    names = sorted({*rows["train_set"], *rows["test_set"]})
    data_sets = {"data_set": names, "dose_e_per_A2": [float(name) for name in names]}
    return Findings(rows.drop(columns="family"), pd.DataFrame(data_sets))


_ABSENT: dict[str, str | float] = {
    "variant": "",
    "noise_mode": "fixed",
    "rho": 0.0,
    "test_rho": 0.0,
    "norm_share": 0.0,
    "patches": "whole",
    "reason": "",
}


def _filled(scores: pd.DataFrame) -> pd.DataFrame:
    """The table with every column that studies may have."""
    whole = scores.copy()
    for name, value in _ABSENT.items():
        if name not in whole:
            whole[name] = value
        elif value == "":  # a file holds nothing for "": a column without any text is read as NaN
            whole[name] = whole[name].astype(object).fillna("")
    return whole


def _with_units(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows with ``unit``, what the bootstrap resamples: a fold, or a network of the only fold."""
    several = rows["fold"].nunique() > 1
    kind, number = ("fold", rows["fold"]) if several else ("network", rows["seed"])
    return rows.assign(unit=number, unit_kind=kind)
