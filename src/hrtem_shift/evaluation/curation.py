"""What each change of a training database is worth: arms against a reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from hrtem_shift.evaluation.paired_tests import paired_differences, paired_test


def factor_effects(
    scores: pd.DataFrame,
    reference: str,
    factors: Mapping[str, Sequence[str]],
    test_sets: Sequence[str],
    *,
    folds: int,
    seed: int,
) -> pd.DataFrame:
    """Hard Dice of networks of each arm minus that of the reference, on each test set.

    Parameters
    ----------
    scores : DataFrame
        From `hrtem_shift.evaluation.scoring.plain_scores`.
    reference : str
        Training set with which the others are compared.
    factors : mapping
        Factor -> its training sets.
    test_sets : sequence of str
        Sets that no network was trained on.
    folds, seed : int
        Of the cross-validation; root seed of the bootstrap.

    Returns
    -------
    DataFrame
        factor, train_set, test_set, hard_dice and reference_dice (means over networks), difference
        (arm minus reference, paired by fold and seed), low and high (95 %, corrected resampled
        t-test over folds), n_folds, n_networks. There is no correction for the number of rows.
    """
    rows = []
    for test_set in test_sets:
        tested = scores[scores["test_set"] == test_set]
        of_reference = tested[tested["train_set"] == reference]
        for factor, arms in factors.items():
            for arm in arms:
                of_arm = tested[tested["train_set"] == arm]
                differences = paired_differences(of_reference, of_arm)
                test = paired_test(differences, test_to_train=1 / (folds - 1), seed=seed)
                rows.append(
                    {
                        "factor": factor,
                        "train_set": arm,
                        "test_set": test_set,
                        "hard_dice": of_arm["hard_dice"].mean(),
                        "reference_dice": of_reference["hard_dice"].mean(),
                        "difference": test.difference,
                        "low": test.corrected_low,
                        "high": test.corrected_high,
                        "n_folds": test.n,
                        "n_networks": int(of_arm["hard_dice"].count()),
                    }
                )
    return pd.DataFrame(rows)
