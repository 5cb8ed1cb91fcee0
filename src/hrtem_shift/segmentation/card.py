"""The card of a network package: one page for its users."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from hrtem_shift.reliability.training_domain import Range, SignedRange
from hrtem_shift.segmentation.description import Description
from hrtem_shift.tables import rows_of


def card_of(description: Description, evidence: pd.DataFrame) -> str:
    """Text of ``CARD.md``: what the networks are for, were trained on, and how well they do."""
    domain, members = description.domain, description.members
    conditions = {
        "pixel size [nm]": domain.pixel_size_nm,
        "dose [e/Å²]": domain.dose_e_per_A2,
        **domain.conditions,
    }
    return "\n".join(
        [
            f"# {description.name}",
            "",
            f"{_networks(len(members))} ({description.architecture}, {description.norm} norm) "
            f"trained on the data set `{members[0].train_set}`. They say of each pixel of a "
            "micrograph how probably it shows a particle"
            + (", and the core of one." if description.scales else "."),
            "",
            "## Trained on",
            *_table(["condition", "from", "to"], map(_condition, conditions.items())),
            "",
            f"Images are prepared by {_preparation(description)}.",
            "",
            "## Measured",
            "Hard Dice on micrographs that the networks had not seen: mean over micrographs, and "
            "the range of 90 % of them. Expected: mean of the expected hard Dice, each from "
            "micrographs of other scenes alone, and by how much it is off on average.",
            "",
            *_table(
                ["data set", "hard Dice", "90 %", "expected", "off by", "micrographs"],
                _cells(evidence),
            ),
            "",
            *([description.evidence_note, ""] if description.evidence_note else []),
            *_calibration(description),
            "",
            "## Members",
            *_table(
                ["run", "fold", "seed", "weights"],
                ([m.run_id, str(m.fold), str(m.seed), m.weights] for m in members),
            ),
            "",
            "## Known limits",
            "- Particles that lie on one another are separated only where their outlines show it."
            if description.scales
            else "- Touching particles are one particle.",
            "- Labels decide where a particle ends: sizes inherit the bias of the rule that drew "
            "them.",
            "- Beyond the data sets above nothing was measured. The spread of the networks does "
            "not tell errors that they share.",
            "",
            f"Made by {description.made_by}.",
            "",
        ]
    )


def _networks(number: int) -> str:
    return "One network" if number == 1 else f"{number} networks"


def _condition(condition: tuple[str, Range | SignedRange | None]) -> list[str]:
    name, between = condition
    return (
        [name, "any" if name.startswith("pixel size") else "unknown", ""]
        if between is None
        else [
            name,
            f"{between.low:.4g}",
            f"{between.high:.4g}",
        ]
    )


def _preparation(description: Description) -> str:
    given = description.preparation
    xrays = given.xray_threshold_counts
    steps = [
        f"repairing x-rays above {xrays:g} counts" if xrays else "",
        f"dividing by a flat field ({given.flat_field})" if given.flat_field else "",
        f"the rescaling '{given.rescaling}'" if given.rescaling else "",
    ]
    return ", then ".join(filter(None, steps)) or "nothing"


def _cells(evidence: pd.DataFrame) -> Iterable[list[str]]:
    off = (evidence["unseen_expectation"] - evidence["hard_dice"]).abs()
    table = (
        evidence.assign(off=off)
        .groupby(["data_set", "usual"], sort=False)
        .agg(
            mean=("hard_dice", "mean"),
            low=("hard_dice", lambda dice: np.quantile(dice, 0.05)),
            high=("hard_dice", lambda dice: np.quantile(dice, 0.95)),
            expected=("unseen_expectation", "mean"),
            off=("off", "mean"),
            n=("hard_dice", "size"),
        )
    )
    for row in rows_of(table.reset_index()):
        note = " (as trained on; unseen)" if row["usual"] else ""
        yield [
            f"{row['data_set']}{note}",
            f"{row['mean']:.3f}",
            f"{row['low']:.3f} to {row['high']:.3f}",
            _number(row["expected"]),
            _number(row["off"]),
            str(row["n"]),
        ]


def _number(value: float) -> str:
    return f"{value:.3f}" if np.isfinite(value) else "unknown"


def _calibration(description: Description) -> list[str]:
    if not description.reliability:
        return ["Whether probabilities are right was not measured."]
    return [
        f"Probabilities are off by {description.calibration_error:.3f} on average (expected "
        "calibration error, trained set, held out)."
    ]


def _table(head: list[str], rows: Iterable[list[str]]) -> list[str]:
    lines = ["", "| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return [*lines, *("| " + " | ".join(row) + " |" for row in rows)]
