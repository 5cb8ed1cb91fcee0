"""Which images a user means by files, patterns and folders."""

import pytest

from hrtem_shift.errors import InputError
from hrtem_shift.segmentation.batch import FILES
from hrtem_shift.segmentation.inputs import find_images


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in (
        "grid/a.dm3",
        "grid/b.TIF",
        "grid/notes.txt",
        "grid/.hidden.tif",
        "grid/deeper/c.dm4",
        "grid/stack.zspy/.zgroup",
        "grid/empty/readme.md",
        "other/a.dm3",
        "other/a.tif",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"1")
    return tmp_path


def found(*given):
    return {image.name: image.path.as_posix() for image in find_images(given, FILES)}


def test_a_folder_stands_for_its_images(folder):
    assert found("grid") == {"a": "grid/a.dm3", "b": "grid/b.TIF", "stack": "grid/stack.zspy"}


def test_a_pattern_goes_as_deep_as_it_says(folder):
    assert found("grid/*.dm?") == {"a": "grid/a.dm3"}
    assert found(str(folder / "grid" / "**" / "*.dm?")) == {
        "a": f"{folder}/grid/a.dm3",
        "c": f"{folder}/grid/deeper/c.dm4",
    }


def test_a_file_may_have_any_name(folder):
    assert found("grid/notes.txt", "grid/.hidden.tif") == {
        "notes": "grid/notes.txt",
        "hidden": "grid/.hidden.tif",
    }


def test_a_zspy_folder_is_one_image(folder):
    assert found("grid/stack.zspy") == {"stack": "grid/stack.zspy"}


def test_a_file_that_is_meant_twice_is_taken_once(folder):
    assert found("grid/a.dm3", "grid", "grid/*.dm3") == found("grid")


def test_images_of_one_stem_have_different_names(folder):
    assert found("other", "grid/a.dm3") == {
        "a.dm3": "other/a.dm3",
        "a.tif": "other/a.tif",
        "a.dm3_2": "grid/a.dm3",
    }


@pytest.mark.parametrize("name", ["summary.csv.tif", "manifest.json.tif"])
def test_no_image_takes_the_name_of_a_table(folder, name):
    (folder / name).write_bytes(b"1")
    (image,) = find_images([name], FILES)
    assert image.name not in FILES


@pytest.mark.parametrize("name", ["...tif", "..dm3", ".tif"])
def test_no_name_leads_out_of_the_folder(folder, name):
    (folder / name).write_bytes(b"1")
    (image,) = find_images([name], FILES)
    assert not image.name.startswith(".") and "/" not in image.name


@pytest.mark.parametrize("given", ["grid/empty", "nothing.dm3", "grid/*.emd", "a/**b", "\0"])
def test_nothing_to_segment_is_a_mistake(folder, given):
    with pytest.raises(InputError, match=r"no image|no such file"):
        find_images([given])
