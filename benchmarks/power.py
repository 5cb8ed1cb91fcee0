"""How many networks decide a difference of hard Dice, from the scores of a study.

    python benchmarks/power.py data/07_model_output/size_study/scores.csv [--difference 0.02]

Prints a row a comparison (`hrtem_shift.evaluation.power`), and the median of each kind.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from hrtem_shift.evaluation.power import networks_needed


def main() -> None:
    """Print the table of each file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scores", type=Path, nargs="+", help="scores.csv, or scores.parquet")
    parser.add_argument("--difference", type=float, default=0.02, help="of hard Dice")
    parser.add_argument("--seeds", type=int, default=1, help="networks a fold in the matrix")
    given = parser.parse_args()
    for path in given.scores:
        scores = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
        table = networks_needed(scores, seeds=given.seeds, difference=given.difference)
        print(f"{path}: for a difference of {given.difference:g}")
        print(table.round(3).to_string(index=False))
        numbers = ["std", "networks", "networks_high", "folds"]
        print("median", table.groupby("compared")[numbers].median().round(3).to_string(), sep="\n")


if __name__ == "__main__":
    main()
