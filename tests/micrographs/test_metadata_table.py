"""Promise: tables as spreadsheets save them are read; what is no number or size is refused."""

from __future__ import annotations

import re

import pytest

from hrtem_shift.errors import InputErrors
from hrtem_shift.micrographs.folder import inspect_folder
from hrtem_shift.micrographs.metadata_table import read_metadata

HEADER = ["image", "mask", "pixel_size_nm", "dose_e_per_A2", "sample", "tilt_deg"]
CELLS = ["a 1,5.tif", "m.png", "0,05", "1,5e2", "Au, washed", "-2,5"]
READ = ["a 1,5.tif", "m.png", "0.05", "1.5e2", "Au, washed", "-2.5"]


@pytest.fixture
def table(tmp_path):
    def write(separator: str, *rows: list[str], encoding: str = "utf-8", end: str = "\n"):
        text = end.join(separator.join(row) for row in rows) + end
        path = tmp_path / "metadata.csv"
        path.write_bytes(text.encode(encoding))
        return path

    return write


@pytest.mark.parametrize("separator", [";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_semicolons_tabs_and_decimal_commas(table, separator, encoding, end):
    path = table(separator, HEADER, CELLS, encoding=encoding, end=end)
    assert read_metadata(path) == [dict(zip(HEADER, READ, strict=True))]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_is_read_in_both_byte_orders(table, encoding):
    path = table(",", ["\ufeffimage", "mask", "pixel_size_nm"], ["å.tif", "m.png", "0.05"])
    path.write_bytes(path.read_text("utf-8").encode(encoding))
    assert read_metadata(path)[0]["image"] == "å.tif"


@pytest.mark.parametrize("line", ["sep=;", '"sep=;"', "sep=;;;;"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_the_separator_that_excel_states_is_taken(table, line, end):
    path = table(";", [line], HEADER, CELLS, end=end)
    assert read_metadata(path) == [dict(zip(HEADER, READ, strict=True))]


def test_a_stated_separator_wins_over_what_looks_likelier(table):
    path = table("\t", ["sep=\t"], ["image", "mask", "pixel_size_nm", "a;b"], ["c", "d", "1", "e"])
    assert list(read_metadata(path)[0]) == ["image", "mask", "pixel_size_nm", "a;b"]


def test_a_table_in_windows_1252_is_read_with_a_warning(table, caplog):
    path = table(";", HEADER, ["Größe 5µm.tif", *CELLS[1:]], encoding="cp1252")
    assert read_metadata(path)[0]["image"] == "Größe 5µm.tif"
    assert "metadata.csv is not in UTF-8, it is read as Windows-1252" in caplog.text


def test_bytes_of_neither_encoding_are_a_fault_of_the_table(table):
    path = table(",", HEADER, CELLS)
    path.write_bytes(path.read_bytes() + b"\x81\xff")
    with pytest.raises(InputErrors, match="cannot be read"):
        read_metadata(path)


def test_commas_separate_although_semicolons_stand_in_cells(table):
    header = ["image", "mask", "pixel_size_nm", "note;1"]
    path = table(",", header, ["a.tif", "m.png", "0.05", "b;c;d;e"])
    assert read_metadata(path)[0]["note;1"] == "b;c;d;e"


def test_a_column_with_text_keeps_its_commas(table):
    path = table(";", [*HEADER[:3], "note"], [*CELLS[:3], "1,2"], [*CELLS[:3], "see 1,2"])
    assert [row["note"] for row in read_metadata(path)] == ["1,2", "see 1,2"]


def test_a_decimal_comma_between_commas_stays_a_fault(make_folder):
    folder = make_folder(1)
    folder.rows[0]["pixel_size_nm"] = "0,05"
    folder.write()
    with pytest.raises(InputErrors, match="pixel_size_nm is '0,05'"):
        inspect_folder(folder.root, folder.metadata)


def test_faults_of_a_table_with_semicolons_are_about_its_columns(table):
    with pytest.raises(InputErrors) as caught:
        read_metadata(table(";", ["image", "mask", "pixel_size"], ["a", "b", "1"], ["a", "b"]))
    text = str(caught.value)
    assert "column 'pixel_size_nm' is missing; did you mean 'pixel_size'?" in text
    assert "row 2 has 2 cells, the header 3" in text
    assert "2 faults" in text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("5e-11", "5e-11 nm is no pixel size; in metres it would be 0.05 nm"),
        ("2e7", "2e+07 nm is no pixel size"),
    ],
)
def test_a_size_that_no_pixel_has_is_a_fault_of_the_table(make_folder, text, words):
    folder = make_folder(2)
    folder.rows[1]["pixel_size_nm"] = text
    folder.write()
    with pytest.raises(InputErrors, match=re.escape(words)) as caught:
        inspect_folder(folder.root, folder.metadata)
    assert ": 1 fault," in str(caught.value)
    assert "micrograph images/m1" in str(caught.value)


def test_a_folder_with_a_semicolon_table_becomes_an_inventory(make_folder):
    folder = make_folder(2)
    folder.write()
    text = folder.metadata.read_text().replace(",", ";").replace("0.02", "0,02")
    folder.metadata.write_text(text)
    inventory = inspect_folder(folder.root, folder.metadata)
    assert inventory["pixel_size_nm"].tolist() == [0.02, 0.02]


def test_the_field_case_with_semicolons_is_read(shared_file):
    metadata = shared_file("field_cases/metadata_semicolon/metadata.csv")
    inventory = inspect_folder(metadata.parent, metadata)
    assert inventory["pixel_size_nm"].tolist() == [0.05]
