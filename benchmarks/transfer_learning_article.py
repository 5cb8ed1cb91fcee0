"""Transfer overlap against losses that others published.

    python benchmarks/transfer_learning_article.py

An article on transfer learning (DOI 10.69761/kjte5358, CC-BY-4.0) released the losses of 7,200
networks trained at five defoci and tested at eleven. `published/defocus_losses.csv` is derived
from that release: the median best-validation loss of 1,440 networks a row, less 0.3133, the floor
of their loss. Which sign their defocus has is not stated.

No number here is fitted. The imaging is theirs: 300 kV, focal spread 1.0 nm (taken for a
standard deviation; not stated), defocus scattered by 1.5 nm (standard deviation); no other
aberrations.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from condition_mixtures import jittered, kernel_cosine, mean_pairwise, profile_overlap
from numpy.typing import NDArray

from hrtem_shift.microscope.conditions import Lens
from hrtem_shift.shift.criteria import Conclusion, apply_criteria
from hrtem_shift.shift.measure import TransferMeasure
from hrtem_shift.shift.overlap import transfer_overlap
from hrtem_shift.shift.rank_correlation import pooled, within_rows

if TYPE_CHECKING:
    import pandas as pd

MEASURE = TransferMeasure(energy_keV=300.0, q_min_per_nm=0.2, q_max_per_nm=5.0, noise_floor=0.0)
FOCAL_SPREAD_STD_NM, DEFOCUS_STD_NM = 1.0, 1.5


def losses() -> pd.DataFrame:
    """Losses less their floor: index = training defocus, columns = test defocus, nm."""
    import pandas as pd

    path = Path(__file__).parent / "published" / "defocus_losses.csv"
    table = pd.read_csv(path, index_col="train_defocus_nm")
    return table.rename(columns=float)


def similarities(
    train_nm: NDArray[np.float64], test_nm: NDArray[np.float64]
) -> dict[str, NDArray[np.float64]]:
    """Every measure of similarity of training and test defoci, each (R, C)."""
    middles, lenses, mixed = _data_sets([*train_nm, *test_nm])
    train, test = mixed[: len(train_nm)], mixed[len(train_nm) :]
    sharp_train, sharp_test = middles[: len(train_nm)], middles[len(train_nm) :]
    found = {
        "abs(delta C1)": -np.abs(np.subtract.outer(train_nm, test_nm)),
        "wave, unsquared": np.sqrt(transfer_overlap(sharp_train, sharp_test, MEASURE, "wave")),
        "rms profile": profile_overlap(train, test, lenses, MEASURE),
        "magnitude": transfer_overlap(sharp_train, sharp_test, MEASURE),
        "signed": transfer_overlap(sharp_train, sharp_test, MEASURE, "signed"),
    }
    magnitude = transfer_overlap(lenses, lenses, MEASURE)
    found["magnitude, mean pairwise"] = mean_pairwise(train, test, magnitude)
    found["magnitude, kernel cosine"] = kernel_cosine(train, test, magnitude)
    for kind in ("containment", "jaccard"):
        found[f"{kind} of rms profiles"] = profile_overlap(train, test, lenses, MEASURE, kind)
    return found


def rank_correlations() -> pd.DataFrame:
    """Spearman's correlation of similarity and loss; more negative is better.

    Returns
    -------
    DataFrame
        One row a measure: pooled over 50 cells (five training defoci, ten test defoci other
        than 0), then each training row, named by its defocus in nm.
    """
    import pandas as pd

    table = losses()
    table = table.loc[:, table.columns != 0]
    train_nm, test_nm = (axis.to_numpy(dtype=np.float64) for axis in (table.index, table.columns))
    found = {
        name: [pooled(similarity, table), *within_rows(similarity, table)]
        for name, similarity in similarities(train_nm, test_nm).items()
    }
    columns = ["pooled", *(f"{defocus_nm:+g} nm" for defocus_nm in train_nm)]
    return pd.DataFrame.from_dict(found, orient="index", columns=columns)


def verdict_on_losses(*, seed: int = 0) -> Conclusion:
    """The criteria of `hrtem_shift.shift.criteria` held against these losses.

    Overlap is that of rms profiles with the usual noise floor; focus is among the test
    conditions, and the condition of training is not.
    """
    table = losses()
    test_nm = table.columns.to_numpy(dtype=np.float64)
    _, lenses, mixed = _data_sets(test_nm)
    measure = MEASURE.model_copy(update={"noise_floor": TransferMeasure().noise_floor})
    return apply_criteria(
        profile_overlap(mixed, mixed, lenses, measure),
        -np.abs(np.subtract.outer(test_nm, test_nm)),
        -table.to_numpy(),
        np.searchsorted(test_nm, table.index),
        np.arange(len(test_nm)),
        None,
        seed=seed,
    )


def _data_sets(
    defoci_nm: Iterable[float],
) -> tuple[list[Lens], list[Lens], NDArray[np.float64]]:
    """Middles of data sets, all their conditions, and the mixtures of those."""
    middles = [Lens(defocus_nm=d, focal_spread_std_nm=FOCAL_SPREAD_STD_NM) for d in defoci_nm]
    scattered = [jittered(lens, DEFOCUS_STD_NM) for lens in middles]
    lenses = [lens for many, _ in scattered for lens in many]
    mixed = np.kron(np.eye(len(middles)), scattered[0][1]).astype(np.float64)
    return middles, lenses, mixed


def main() -> None:
    """Print the table and the verdict."""
    table = rank_correlations().round(2).to_string(na_rep="undefined")
    sys.stdout.write(f"Spearman(similarity, loss), n = 50 cells, 5 rows\n{table}\n\n")
    sys.stdout.write("\n".join(verdict_on_losses().sentences) + "\n")


if __name__ == "__main__":
    main()
