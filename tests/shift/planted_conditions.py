"""A small study of conditions whose Dice is a stated function of its covariates."""

from itertools import product

import numpy as np
import pandas as pd

from hrtem_shift.microscope.conditions import ImagingConditions
from hrtem_shift.shift.covariates import build_covariates
from hrtem_shift.shift.information import crystal_phase_power
from hrtem_shift.shift.measure import TransferMeasure
from hrtem_shift.shift.transfer_claims import decide_transfer_claims
from hrtem_shift.structures.crystals import CRYSTALS

DEFOCI_nm = (-60, -30, -12, 12, 30, 60)
DOSES = (20, 60, 150, 1600)
LATTICES = ("d12_cs0", "Si", "Cu")
FOLDS, SEEDS, NOISE = 2, 4, 0.02


def condition(defocus_nm, cs_mm=0.0, dose_e_per_A2=400.0):
    return ImagingConditions(
        defocus_nm=defocus_nm, cs_mm=cs_mm, dose_e_per_A2=dose_e_per_A2, focal_spread_std_nm=2
    )


TRAINED = {f"d{d}_cs{cs:g}": condition(d, cs) for d, cs in product(DEFOCI_nm, (0, 0.6))}
TRAINED |= {f"d12_dose{dose}": condition(12, 0, dose) for dose in DOSES}
UNSEEN = {f"d{d}_cs0.9": condition(d, 0.9) for d in (-45, -20, 6, 20, 45, 90)}
UNSEEN |= {f"d{d}_cs0": condition(d, 0) for d in (-45, -20, 6, 20, 45, 90)}
CONDITIONS = TRAINED | UNSEEN
MIXED = {"near": [condition(d) for d in (6, 12, 20, 30)], "wide": list(TRAINED.values())}


def looks():
    draw = np.random.default_rng(0)
    names = [*CONDITIONS, *MIXED]
    values = draw.uniform(0.1, 0.3, (len(names), 2))
    return pd.DataFrame(values, index=names, columns=["contrast", "roughness"])


def covariates():
    power = crystal_phase_power(CRYSTALS["CdSe_wurtzite"], 3.0, 300)
    return build_covariates(
        CONDITIONS, len(TRAINED), MIXED, looks(), TransferMeasure(), power, 0.04
    )


def scores(dice, rows, columns, structure_loss=0.2, noise=NOISE, seed=0):
    """Scores of every network: Dice of the cell, and noise of the seed."""
    draw = np.random.default_rng(seed)
    cells = [(a, b, dice[i, j]) for i, a in enumerate(rows) for j, b in enumerate(columns)]
    cells += [
        (a, b, 0.8 - structure_loss * (a != b))
        for a, b in product(LATTICES, repeat=2)
        if a not in rows or b not in columns
    ]
    table = [
        (a, b, fold, seed, value + noise * draw.standard_normal())
        for a, b, value in cells
        for fold, seed in product(range(FOLDS), range(SEEDS))
    ]
    return pd.DataFrame(table, columns=["train_set", "test_set", "fold", "seed", "hard_dice"])


def decided(dice, of, **more):
    """All tables of claims of a planted Dice, (R, C), of the covariates `of`."""
    table = scores(dice, of.train_sets, of.test_sets, **more)
    return decide_transfer_claims(
        table, CONDITIONS, of, len(TRAINED), list(MIXED), LATTICES, seed=1
    )


def verdicts(claims):
    return claims.drop_duplicates("claim").set_index("claim")["claim_verdict"]
