"""How right the answer is: verdict and expected Dice against the truth of labelled micrographs.

    python benchmarks/reliability.py FOLDER [FOLDER ...] --json FILE [--usual FOLDER]
        [--alter NAME ...] [--processes N] [--network PACKAGE]
    python benchmarks/reliability.py --left-out emps

Each folder has a ``metadata.csv``; its images are segmented as `hrtem-shift segment` does.
`--usual` names the folder of the networks' own kind; every third of its images is also altered in
each way that `--alter` names (`hrtem_shift.reliability.alterations`), by a seed of its own. Where
no particle was found there is no expected Dice, and the image counts for the verdict alone.
`--json` holds a row an image, too. `--left-out` takes no images: it expects the Dice of that data
set in the package's evidence, once from other groups as the package holds it, and once by an
estimator that is fitted without any of its micrographs. Intervals (95 %) of shares are by Wilson,
of means by the bootstrap over images.
"""

from __future__ import annotations

import argparse
import json
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import binomtest, rankdata, spearmanr

from hrtem_shift.micrographs.folder import inspect_folder, load_micrograph
from hrtem_shift.micrographs.recorded_image import RecordedImage
from hrtem_shift.reliability.alterations import ALTERATIONS, Labelled
from hrtem_shift.reliability.estimator import Process, fit_kernel
from hrtem_shift.reliability.verdict import LEVELS
from hrtem_shift.seeds import generator_at
from hrtem_shift.segmentation.micrographs import Segmenter, segment_image
from hrtem_shift.segmentation.options import SegmentationOptions
from hrtem_shift.segmentation.package import NetworkPackage
from hrtem_shift.segmentation.shipped import named_package
from hrtem_shift.tables import rows_of

SEED = 20261129
BAD = 0.7
"""Hard Dice below which a mask is called bad."""
LOST, KEPT = 0.15, 0.05
"""Loss of hard Dice from which an image must be called outside, and up to which it is good."""


def main() -> None:
    """Measure, print tables, write rows."""
    given = _given()
    if given.left_out:
        print(json.dumps(left_out(_package(given.network).evidence, given.left_out), indent=1))
        return
    jobs = []
    for folder in [*([given.usual] if given.usual else []), *given.folders]:
        alterations = [""] + (given.alter if folder == given.usual else [])
        for number, row in enumerate(rows_of(inspect_folder(folder, folder / "metadata.csv"))):
            names = alterations if number % 3 == 0 else [""]
            jobs += [(given.network, folder.name, row, name) for name in names]
    context = get_context("fork")
    with ProcessPoolExecutor(given.processes, context, _single_thread) as pool:
        table = pd.DataFrame(pool.map(_answer, *zip(*jobs, strict=True), chunksize=1))
    usual = given.usual.name if given.usual else None
    print(by_kind(table, usual).to_string(float_format="%.3f"))
    overall = summary_of(table, usual)
    print(json.dumps(overall, indent=1))
    if given.json:
        rows = json.loads(table.to_json(orient="records"))  # unknown numbers as null
        given.json.write_text(json.dumps({"summary": overall, "images": rows}, indent=1) + "\n")


def by_kind(table: pd.DataFrame, usual: str | None) -> pd.DataFrame:
    """One row a kind: Dice, expected, verdicts."""
    usual_dice = _usual_dice(table, usual)
    rows = []
    for kind, part in table.groupby("kind", sort=False):
        known = part.dropna(subset="expected")
        off = known["expected"] - known["dice"]
        lost = usual_dice - part["dice"] >= LOST
        rows.append(
            {
                "kind": kind,
                "n": len(part),
                "dice": part["dice"].mean(),
                "n_known": len(known),
                "expected": known["expected"].mean(),
                "off": off.abs().mean(),
                "too_high_by_0.2": int((off > 0.2).sum()),
                **{level: int((part["verdict"] == level).sum()) for level in LEVELS},
                "lost_0.15": int(lost.sum()),
                "of_them_outside": int((lost & (part["verdict"] == "outside")).sum()),
            }
        )
    return pd.DataFrame(rows).set_index("kind")


def summary_of(table: pd.DataFrame, usual: str | None) -> dict[str, Any]:
    """What the tables of docs/evidence/shipped-networks.md say."""
    known = table.dropna(subset="expected")
    dice, expected = known["dice"].to_numpy(), known["expected"].to_numpy()
    off = np.abs(expected - dice)
    near = (known["verdict"] == "in range").to_numpy()
    inside = (known["low"] <= known["dice"] + 1e-9) & (known["dice"] <= known["high"] + 1e-9)
    usual_dice = _usual_dice(table, usual)
    is_usual = table["kind"] == usual
    outside = table["verdict"] == "outside"
    lost = usual_dice - table["dice"] >= LOST
    good = ~is_usual & (usual_dice - table["dice"] <= KEPT)
    too_high = (known["expected"] - known["dice"] > 0.2) & (known["verdict"] != "outside")
    return {
        "images": len(table),
        "with_expected_dice": len(known),
        "usual_dice": usual_dice,
        "mean_absolute_error": _mean(off),
        "mean_absolute_error_in_range": _mean(off[near]),
        "spearman": float(spearmanr(dice, expected)[0]),
        "auroc_bad": _auroc(dice < BAD, -expected),
        "interval_covers": wilson(int(inside.sum()), len(known)),
        "usual_flagged": wilson(
            int((is_usual & (table["verdict"] != "in range")).sum()), int(is_usual.sum())
        ),
        "lost_and_outside": wilson(int((lost & outside).sum()), int(lost.sum())),
        "good_but_outside": wilson(int((good & outside).sum()), int(good.sum())),
        "too_high_by_0.2_and_not_outside": int(too_high.sum()),
        "in_range_but_bad": int(((table["verdict"] == "in range") & (table["dice"] < BAD)).sum()),
    }


def left_out(evidence: pd.DataFrame, name: str) -> dict[str, Any]:
    """How well the Dice of a data set is expected from the rest of the evidence."""
    rows = evidence[evidence["data_set"] == name]
    others = evidence[~evidence["micrograph"].str.startswith(f"{name}/")]
    expected, _ = Process.of(fit_kernel(others), others).expect(rows)
    answers = {"other_groups": rows["unseen_expectation"].to_numpy(), "without_it": expected}
    dice = rows["hard_dice"].to_numpy()
    return {
        way: {
            "n": len(rows),
            "mean_absolute_error": _mean(np.abs(values - dice)),
            "spearman": float(spearmanr(values, dice)[0]),
            "auroc_bad": _auroc(dice < BAD, -values),
        }
        for way, values in answers.items()
    }


def _usual_dice(table: pd.DataFrame, usual: str | None) -> float:
    if usual is None:
        return float("nan")
    return float(table.loc[table["kind"] == usual, "dice"].mean())


def wilson(hits: int, n: int) -> dict[str, Any]:
    """Share with its 95 % interval."""
    if not n:
        return {"n": 0}
    interval = binomtest(hits, n).proportion_ci(method="wilson")
    return {"n": n, "hits": hits, "share": hits / n, "low": interval.low, "high": interval.high}


def _mean(values: np.ndarray) -> list[float]:
    """Mean and its 95 % interval."""
    if not len(values):
        return [float("nan")] * 3
    rng = np.random.default_rng(0)
    draws = rng.choice(values, (2000, len(values))).mean(axis=1)
    return [float(values.mean()), *np.quantile(draws, [0.025, 0.975]).tolist()]


def _auroc(bad: np.ndarray, score: np.ndarray) -> float:
    """Share of pairs of a bad and a good mask that the score orders rightly."""
    n = int(bad.sum())
    if n in (0, len(bad)):
        return float("nan")
    rank_sum = rankdata(score)[bad].sum()
    return float((rank_sum - n * (n + 1) / 2) / (n * (len(bad) - n)))


def _answer(network: Path | None, kind: str, row: dict[str, Any], name: str) -> dict[str, Any]:
    micrograph = load_micrograph(row)
    given = Labelled(
        np.asarray(micrograph.pixels, np.float32), micrograph.mask == 1, micrograph.pixel_size_nm
    )
    if name:
        given = ALTERATIONS[name](given, generator_at(SEED, kind, name, micrograph.name))
    recorded = RecordedImage(given.pixels, "tif", pixel_size_nm=given.pixel_size_nm)
    result = segment_image(recorded, _segmenter(network), SegmentationOptions())
    mask = result.labels > 0
    total = int(mask.sum()) + int(given.mask.sum())
    expected = result.verdict.expected_dice
    return {
        "kind": f"{kind}: {name}" if name else kind,
        "image": micrograph.name,
        "dice": 2 * int((mask & given.mask).sum()) / total if total else 1.0,
        "expected": expected.mean if expected else None,
        "low": expected.low if expected else None,
        "high": expected.high if expected else None,
        "known": expected.explained_variance if expected else None,
        "verdict": result.verdict.level,
        "reasons": result.verdict.reasons,
        "particles": int(result.labels.max()),
        "notes": "; ".join(result.notes),
    }


@cache
def _segmenter(network: Path | None) -> Segmenter:
    return Segmenter.of(_package(network))


def _package(network: Path | None) -> NetworkPackage:
    return named_package(network)


def _single_thread() -> None:
    import torch

    torch.set_num_threads(1)


def _given() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--usual", type=Path)
    parser.add_argument("--alter", nargs="*", default=[], choices=sorted(ALTERATIONS))
    parser.add_argument("--left-out", metavar="DATA_SET")
    parser.add_argument("--network", type=Path)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
