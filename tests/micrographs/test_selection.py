"""Promise: a data set is exactly the rows that meet its conditions, or the reason why not."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from hrtem_shift.errors import InputError, InputErrors
from hrtem_shift.micrographs.selection import Selection, select
from hrtem_shift.micrographs.source import split_into_data_sets
from hrtem_shift.parameters import ParameterBlock, faults_of


class Block(ParameterBlock):
    data_sets: dict[str, Selection | None]


def selection(text: str) -> Selection:
    return TypeAdapter(Selection).validate_python(yaml.safe_load(text))


def selected(rows: list[dict[str, str]], text: str) -> list[str]:
    return [row["micrograph"] for row in select(rows, selection(text), where="data set a")]


def refusal(rows: list[dict[str, str]], text: str) -> str:
    with pytest.raises(InputErrors) as caught:
        select(rows, selection(text), where="data set a")
    return str(caught.value)


def faults(text: str) -> list[str]:
    block = {"data_sets": {"a": yaml.safe_load(text)}}
    return [str(fault) for fault in faults_of("ingestion", block, Block)]


ROWS = [
    {"micrograph": "m0", "material": "Au", "dose_e_per_A2": "423", "session": "2021-08-26"},
    {"micrograph": "m1", "material": "Au", "dose_e_per_A2": "417.0", "session": "2021-10-06"},
    {"micrograph": "m2", "material": "Ag", "dose_e_per_A2": "8.84e2", "session": "2021-08-26"},
    {"micrograph": "m3", "material": "CdSe", "dose_e_per_A2": "", "session": "2023-01-23"},
]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("{}", "m0 m1 m2 m3"),
        ("{material: Au}", "m0 m1"),
        ("{material: ' Au '}", "m0 m1"),
        ("{material: [CdSe, Ag]}", "m2 m3"),
        ("{material: {value: Au}}", "m0 m1"),
        ("{session: 2021-08-26}", "m0 m2"),
        ("{session: '2021-08-26'}", "m0 m2"),
        ("{session: [2021-10-06, 2021-08-26]}", "m0 m1 m2"),
        ("{dose_e_per_A2: 884}", "m2"),
        ("{dose_e_per_A2: '417.0'}", "m1"),
        ("{dose_e_per_A2: {value: 423, tolerance: 6}}", "m0 m1"),
        ("{dose_e_per_A2: {value: 423, tolerance: 5.9}}", "m0"),
        ("{dose_e_per_A2: {value: [417, 884], tolerance: 1}}", "m1 m2"),
        ("{dose_e_per_A2: 423.00001}", "m0"),
        ("{material: Au, session: 2021-08-26}", "m0"),
    ],
)
def test_rows_meet_every_condition(text, names):
    assert selected(ROWS, text) == names.split()


def test_a_number_is_not_compared_as_text_nor_the_other_way_round():
    assert "dose_e_per_A2 keeps 0" in refusal(ROWS, "{dose_e_per_A2: '884'}")
    assert "dose_e_per_A2 keeps 0" in refusal(ROWS, "{dose_e_per_A2: 423.0001}")


rows = st.lists(
    st.fixed_dictionaries(
        {
            "material": st.sampled_from(["Au", "Ag", "CdSe"]),
            "dose_e_per_A2": st.integers(80, 90).map(str) | st.just(""),
        }
    ),
    max_size=12,
).map(lambda several: [{"micrograph": str(k), **row} for k, row in enumerate(several)])

conditions = st.fixed_dictionaries(
    {},
    optional={
        "material": st.lists(st.sampled_from(["Au", "Ag"]), min_size=1),
        "dose_e_per_A2": st.fixed_dictionaries(
            {"value": st.integers(80, 90), "tolerance": st.floats(0, 5)}
        ),
    },
)


def kept(rows: list[dict[str, str]], wanted: dict[str, Any]) -> list[dict[str, str]]:
    try:
        return select(rows, TypeAdapter(Selection).validate_python(wanted), where="data set a")
    except InputErrors as error:
        assert f"none of {len(rows)} rows is selected" in str(error)
        return []


@settings(max_examples=60, deadline=None)
@given(rows=rows, wanted=conditions)
def test_a_selection_is_the_filtered_table(rows, wanted):
    def meets(row):
        if row["material"] not in wanted.get("material", [row["material"]]):
            return False
        if "dose_e_per_A2" not in wanted:
            return True
        dose = wanted["dose_e_per_A2"]
        return abs(float(row["dose_e_per_A2"] or "nan") - dose["value"]) <= dose["tolerance"]

    chosen = kept(rows, wanted)
    assert chosen == list(filter(meets, rows))  # in their order
    assert kept(chosen, wanted) == chosen


@settings(max_examples=60, deadline=None)
@given(rows=rows, value=st.integers(80, 90), pair=st.tuples(st.floats(0, 9), st.floats(0, 9)))
def test_a_larger_tolerance_loses_no_row(rows, value, pair):
    small, large = (
        kept(rows, {"dose_e_per_A2": {"value": value, "tolerance": tolerance}})
        for tolerance in sorted(pair)
    )
    assert all(row in large for row in small)


def test_where_nothing_is_left_the_error_counts_what_each_condition_keeps():
    text = refusal(ROWS, "{material: Au, dose_e_per_A2: 884, session: [2021-08-26, 1999-01-01]}")
    counts = "material keeps 2, dose_e_per_A2 keeps 1, session keeps 2"
    assert f"data set a: none of 4 rows is selected; alone, {counts}." in text


def test_a_table_without_rows_gives_no_data_set():
    assert "none of 0 rows is selected" in refusal([], "{}")


def test_all_columns_that_cannot_be_asked_are_named():
    table = [*ROWS[:2], ROWS[2] | {"dose_e_per_A2": "high"}, ROWS[3] | {"dose_e_per_A2": "nan"}]
    text = refusal(table, "{materiel: Au, dose_e_per_A2: 423, session: 5}")
    assert ": 3 faults, nothing was done" in text
    assert "no column 'materiel'; did you mean 'material'?" in text
    assert "column 'dose_e_per_A2' is 'high' in row 3" in text
    assert "column 'session' is '2021-08-26' in row 1" in text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{material: No}", "ingestion.data_sets.a.material.value: text, a number or a date"),
        ("{material: }", "needs quotes, but it is None"),
        ("{material: []}", "at least 1 item"),
        ("{material: [Au, 5]}", "one list holds text and numbers"),
        ("{dose: {value: 5, tolernce: 1}}", "'tolernce'; did you mean 'tolerance'?"),
        ("{dose: {value: 5, tolerance: -1}}", "data_sets.a.dose.tolerance: input should be"),
        ("{dose: {tolerance: 1}}", "ingestion.data_sets.a.dose.value: it is missing"),
        ("[Au]", "ingestion.data_sets.a: input should be a valid dictionary"),
    ],
)
def test_an_impossible_condition_is_refused(text, message):
    (fault,) = faults(text)
    assert message in fault


def test_a_data_set_may_be_null():
    assert faults("null") == []
    assert Block(data_sets={"a": None}).data_sets == {"a": None}


def test_a_validated_selection_stays_as_it_is():
    given = selection("{dose: {value: 423, tolerance: 6}, material: [Au, Ag]}")
    assert TypeAdapter(Selection).validate_python(given) == given


OPERATORS = [
    {"image": f"{k}.tif", "operator": name, "pixel": "0.02"}
    for k, name in enumerate(["Bo", "Ana Lee", "Bo", "Ana Lee"])
]


def test_a_column_splits_a_table_in_the_order_of_its_values():
    split = split_into_data_sets(OPERATORS, "operator")
    assert list(split) == ["Bo", "Ana_Lee"]
    assert [row["image"] for row in split["Ana_Lee"]] == ["1.tif", "3.tif"]
    assert list(split_into_data_sets(OPERATORS, "operator", ["Ana_Lee"])) == ["Ana_Lee"]


@pytest.mark.parametrize(
    ("column", "wanted", "message"),
    [
        ("operators", [], "it is empty for 4 of 4 micrographs, such as 0.tif"),
        ("pixel", [], "all micrographs have 0.02"),
        ("operator", ["Ana_Le"], "did you mean 'Ana_Lee'?"),
    ],
)
def test_a_column_that_splits_nothing_is_refused(column, wanted, message):
    with pytest.raises(InputError, match=re.escape(message)):
        split_into_data_sets(OPERATORS, column, wanted)


def test_two_values_never_share_a_name():
    rows = [{"image": "1.tif", "day": "a b"}, {"image": "2.tif", "day": "a/b"}]
    with pytest.raises(InputError, match="would both be the data set a_b"):
        split_into_data_sets(rows, "day")
