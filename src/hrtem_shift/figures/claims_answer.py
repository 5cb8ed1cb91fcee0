"""Registered claims in sentences, from the tables of an imaging study."""

from __future__ import annotations

import math

import pandas as pd

from hrtem_shift.figures.loss_against_distance import distance_text
from hrtem_shift.shift.prediction_claims import BEST_MODEL
from hrtem_shift.tables import rows_of


def claims_answer(claims: pd.DataFrame, distances: pd.DataFrame) -> list[str]:
    """Which claims hold, what predicts Dice best, and how far a test may go.

    Parameters
    ----------
    claims, distances : DataFrame
        `hrtem_shift.shift.transfer_claims.TransferClaims`.
    """
    by_claim = claims.drop_duplicates("claim").set_index("claim")["claim_verdict"]
    groups = {
        verdict: [str(claim) for claim in by_claim.index[by_claim == verdict]]
        for verdict in ("holds", "fails", "undecided")
    }
    words = {
        "holds": ("holds", "hold"),
        "fails": ("fails", "fail"),
        "undecided": ("is undecided", "are undecided"),
    }
    counted = [
        f"{len(names)} {words[verdict][len(names) > 1]} ({', '.join(names)})"
        for verdict, names in groups.items()
        if names
    ]
    return [
        f"Of the {sum(map(len, groups.values()))} registered claims {'; '.join(counted)}.",
        *_prediction(claims),
        *_distances(distances),
    ]


def _prediction(claims: pd.DataFrame) -> list[str]:
    best = rows_of(claims[claims["note"].astype(str).str.startswith(BEST_MODEL)])
    if not best:
        return []
    rows, columns = (f"{row['value']:.2f}".replace("-", "−") for row in best[:2])
    model = str(best[0]["statistic"]).removeprefix("R² of ").rsplit(", ", 1)[0]
    return [
        f"Dice is best predicted by the model '{model}': R² {rows} for training conditions that "
        f"were held out, {columns} for test conditions."
    ]


def _distances(distances: pd.DataFrame) -> list[str]:
    told = [
        f"{row['axis']}: {distance_text(row['distance'], row['unit'])}"
        for row in rows_of(distances)
        if row["loss"] == distances["loss"].min() and math.isfinite(row["distance"])
    ]
    return [f"0.05 of Dice is lost at a distance of: {'; '.join(told)}."] if told else []
