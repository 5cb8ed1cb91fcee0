"""Promise: the published table, in our words, gives the published groups of micrographs."""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import TypeAdapter

from hrtem_shift.errors import InputErrors
from hrtem_shift.micrographs.published_layout import published_rows
from hrtem_shift.micrographs.selection import Selection, select

CONF = Path(__file__).parents[2] / "conf"
DAY_WITH_A_SLASH = "2021_08_26 5nm Au nanoparticles on C/Ultrathin Carbon"
FIRST = {
    "File name": "Au_UTC_330kX_2650e_0p1596s_01.dm3",
    "Date": "08/26/21",
    "Material": "Au",
    "Nanoparticle Size (nm)": "5",
    "Nanoparticle Shape": "Sphere",
    "Support": "UT Carbon",
    "Instrument": "Team05",
    "Dosage (e/A2)": "423",
    "Pixel Scale (nm)": "0.02",
    "Folder": DAY_WITH_A_SLASH,
}
OTHER_DAY = FIRST | {"Date": "10/06/21", "Folder": "2021_10_06 5nm Au nanoparticles on UTC"}
CDSE = FIRST | {
    "File name": "CdSe_01.dm3",
    "Date": "01/23/23",
    "Material": "CdSe",
    "Nanoparticle Shape": "Oblong",
    "Dosage (e/A2)": "421",
    "Folder": "2023_01_23 5nm CdSe nanoparticles on UTC",
}


def table(path: Path, *rows: dict[str, str]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def refusal(metadata: Path) -> str:
    with pytest.raises(InputErrors) as caught:
        published_rows(metadata)
    return str(caught.value)


def count(rows: list[dict[str, str]], conditions: dict[str, Any]) -> int:
    wanted = TypeAdapter(Selection).validate_python(conditions)
    return len(select(rows, wanted, where="data set"))


@pytest.fixture
def ingestion() -> dict[str, Any]:
    text = (CONF / "experimental" / "parameters_ingestion.yml").read_text()
    return yaml.safe_load(text)["ingestion"]


def test_a_row_gets_the_columns_of_this_project(tmp_path):
    assert published_rows(table(tmp_path / "t.csv", FIRST)) == [
        {
            "micrograph": f"{DAY_WITH_A_SLASH}/Au_UTC_330kX_2650e_0p1596s_01",
            "image": f"{DAY_WITH_A_SLASH}/Au_UTC_330kX_2650e_0p1596s_01.dm3",
            "mask": f"{DAY_WITH_A_SLASH}/Labels/Au_UTC_330kX_2650e_0p1596s_01_label.png",
            "pixel_size_nm": "0.02",
            "dose_e_per_A2": "423",
            "diameter_nm": "5",
            "material": "Au",
            "shape": "Sphere",
            "support": "UT Carbon",
            "microscope": "Team05",
            "session": "2021-08-26",
            "group": f"{DAY_WITH_A_SLASH}/Au_UTC_330kX_2650e_0p1596s_01",
        }
    ]


def test_one_file_name_in_two_folders_is_two_micrographs(tmp_path):
    rows = published_rows(table(tmp_path / "t.csv", FIRST, OTHER_DAY, CDSE))
    assert len({row["micrograph"] for row in rows}) == 3
    assert [row["session"] for row in rows] == ["2021-08-26", "2021-10-06", "2023-01-23"]
    assert count(rows, {"material": "Au", "session": "2021-10-06"}) == 1


def test_one_file_name_twice_in_a_folder_is_refused(tmp_path):
    text = refusal(table(tmp_path / "t.csv", FIRST, CDSE, FIRST, CDSE))
    assert "2 faults" in text
    assert f"{DAY_WITH_A_SLASH}/Au_UTC_330kX_2650e_0p1596s_01 is listed twice" in text


def test_missing_columns_are_named_with_the_nearest(tmp_path):
    row = {name.replace("Dosage", "Dose"): cell for name, cell in FIRST.items() if name != "Date"}
    text = refusal(table(tmp_path / "t.csv", row))
    assert "column 'Dosage (e/A2)' is missing; did you mean 'Dose (e/A2)'?" in text
    assert "column 'Date' is missing" in text


def test_all_cells_that_cannot_be_read_are_named(tmp_path):
    broken = CDSE | {"Date": "2023-01-23", "Dosage (e/A2)": "421 e", "Pixel Scale (nm)": "0"}
    text = refusal(table(tmp_path / "t.csv", FIRST | {"File name": ""}, broken))
    assert "4 faults" in text
    for cell in [
        "row 1: column 'File name' is ''",
        "row 2: column 'Date' is '2023-01-23'",
        "row 2: column 'Dosage (e/A2)' is '421 e'",
        "row 2: column 'Pixel Scale (nm)' is '0'",
    ]:
        assert cell in text


def test_every_data_set_of_the_environment_asks_for_columns_that_there_are(tmp_path, ingestion):
    (row,) = published_rows(table(tmp_path / "t.csv", FIRST))
    for name, conditions in ingestion["data_sets"].items():
        assert TypeAdapter(Selection).validate_python(conditions), name
        assert set(conditions) <= set(row), name


# The real table, and what was read from the article, the repository and the released networks


@pytest.fixture
def published(shared_file) -> list[dict[str, str]]:
    return published_rows(shared_file("published_study/Dataset_metadata.csv"))


@pytest.fixture
def reference(shared_file):
    def read(name: str) -> list[dict[str, str]]:
        with shared_file(f"../reference/{name}").open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    return read


def test_the_34_published_groups_are_selected(published, reference):
    groups = reference("published_dataset_groups.csv")
    assert len(groups) == 34
    supports = {"ultrathin carbon": "UT Carbon", "SiN": "SiN"}
    for group in groups:
        conditions = {
            "material": group["material"],
            "diameter_nm": float(group["size_nm"]),
            "dose_e_per_A2": float(group["dose_e_per_A2"]),
            "pixel_size_nm": float(group["pixel_size_nm"]),
            "session": group["acquisition_date"],
            "support": supports[group["support"]],
        }
        assert count(published, conditions) == int(group["images"]), group
    assert sum(int(group["images"]) for group in groups) == len(published) == 407


def test_the_ten_families_have_the_published_number_of_micrographs(published, reference, ingestion):
    families = reference("published_patch_counts.csv")
    assert len(families) == 10
    for family in families:
        name = family["dataset"].split()[0]
        found = count(published, ingestion["data_sets"][name])
        assert int(family["raw_images_min"]) <= found <= int(family["raw_images_max"]), name


def test_the_five_days_have_the_published_number_of_micrographs(published, reference, ingestion):
    days = {
        group["acquisition_date"]: int(group["images"])
        for group in reference("published_dataset_groups.csv")
        if (group["material"], group["size_nm"], group["pixel_size_nm"]) == ("Au", "5", "0.020")
        and abs(float(group["dose_e_per_A2"]) - 423) <= 6
    }
    assert len(days) == 5
    for day, images in days.items():
        name = f"session_{day.replace('-', '_')}"
        assert count(published, ingestion["data_sets"][name]) == images
    assert len(ingestion["data_sets"]) == 10 + 5


def test_the_real_table_is_the_one_that_is_named(shared_file, ingestion):
    content = shared_file("published_study/Dataset_metadata.csv").read_bytes()
    assert hashlib.sha256(content).hexdigest() == ingestion["metadata_sha256"]
