"""Doses of data sets: what their micrographs say, or an error that names who says nothing."""

import numpy as np
import pandas as pd
import pytest

from hrtem_shift.errors import InputError
from hrtem_shift.figures.doses import dose_label, doses_of


def test_a_set_has_the_median_dose_of_its_micrographs():
    table = pd.DataFrame({"data_set": ["b", "b", "b", "a"], "dose_e_per_A2": [420, 426, 423, 80]})
    assert doses_of(table) == {"b": 423, "a": 80}
    assert dose_label("b", doses_of(table)) == "423 e/Å²"


@pytest.mark.parametrize(
    "table",
    [
        pd.DataFrame({"data_set": ["a", "b"], "dose_e_per_A2": [80, np.nan]}),
        pd.DataFrame({"data_set": ["b"]}),
    ],
)
def test_a_set_without_a_dose_is_named(table):
    with pytest.raises(InputError, match="the dose of b is not known"):
        doses_of(table)
