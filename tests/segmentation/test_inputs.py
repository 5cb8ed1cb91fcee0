"""Which images a user means by files, patterns and folders."""

import json
import os
from pathlib import Path

import pytest

from hrtem_shift.errors import InputError
from hrtem_shift.segmentation.inputs import find_images

RESERVED = ("summary.csv", "manifest.json")


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
        write(name)
    return tmp_path


def write(name):
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"1")


def write_results(folder):
    """Results of one image, as a run leaves them."""
    for name in ("m_mask.tif", "m_overlay.png"):
        write(f"{folder}/{name}")
    record = {"decided_by": "0", "input": {}, "outputs": {"m_mask.tif": "0"}}
    Path(folder, "result.json").write_text(json.dumps(record))


def images(*given, out=None):
    """Name -> path of the images, and the notes."""
    notes = []
    listed = find_images(given, RESERVED, out, warn=notes.append)
    return {image.name: image.path.as_posix() for image in listed}, notes


def meant(*given, out=None):
    return images(*given, out=out)[0]


def test_a_folder_stands_for_its_images(folder):
    assert images("grid") == (
        {"a": "grid/a.dm3", "b": "grid/b.TIF", "stack": "grid/stack.zspy"},
        [],
    )


def test_a_pattern_goes_as_deep_as_it_says(folder):
    assert meant("grid/*.dm?") == {"a": "grid/a.dm3"}
    assert meant(str(folder / "grid" / "**" / "*.dm?")) == {
        "a": f"{folder}/grid/a.dm3",
        "c": f"{folder}/grid/deeper/c.dm4",
    }


def test_a_file_may_have_any_name(folder):
    assert meant("grid/notes.txt", "grid/.hidden.tif") == {
        "notes": "grid/notes.txt",
        "hidden": "grid/.hidden.tif",
    }


def test_a_zspy_folder_is_one_image(folder):
    assert meant("grid/stack.zspy") == {"stack": "grid/stack.zspy"}


def test_a_hidden_folder_must_be_named(folder):
    write(".m04.0123.part/m04_mask.tif")
    assert "m04_mask" not in meant("**/*.[tT][iI][fF]")
    assert meant(".m04.0123.part/*.tif") == {"m04_mask": ".m04.0123.part/m04_mask.tif"}


def test_images_of_one_stem_have_different_names(folder):
    assert meant("other", "grid/a.dm3") == {
        "a.dm3": "other/a.dm3",
        "a.tif": "other/a.tif",
        "a.dm3_2": "grid/a.dm3",
    }


def test_a_file_that_is_meant_twice_is_taken_once(folder):
    listed, notes = images("grid/a.dm3", "grid", "grid/*.dm3")
    assert listed == meant("grid")
    assert notes == ["1 image was named more than once and taken once: grid/a.dm3"]


@pytest.mark.parametrize(
    "other",
    ["grid/../grid/a.dm3", "./grid/a.dm3", "link.dm3", "hard.dm3", "folder/a.dm3", "folder/*.dm3"],
)
def test_a_file_under_another_name_is_taken_once(folder, other):
    Path("link.dm3").symlink_to("grid/a.dm3")
    os.link("grid/a.dm3", "hard.dm3")
    Path("folder").symlink_to("grid")
    listed, notes = images("grid/a.dm3", other)
    assert listed == {"a": "grid/a.dm3"}
    assert len(notes) == 1 and "1 image was named more than once and taken once" in notes[0]


def test_both_names_of_a_file_are_said(folder):
    Path("link.dm3").symlink_to("grid/a.dm3")
    assert images("grid/a.dm3", "link.dm3")[1] == [
        "1 image was named more than once and taken once: grid/a.dm3 (also as link.dm3)"
    ]


def test_a_zspy_folder_under_two_names_is_taken_once(folder):
    Path("link.zspy").symlink_to("grid/stack.zspy")
    assert meant("grid/stack.zspy", "link.zspy") == {"stack": "grid/stack.zspy"}


def test_within_a_folder_a_file_goes_before_its_links(folder):
    Path("other/0_latest.tif").symlink_to("a.tif")
    assert set(meant("other").values()) == {"other/a.dm3", "other/a.tif"}


def test_equal_files_are_different_images(folder):
    assert len(meant("grid/a.dm3", "other/a.dm3")) == 2


@pytest.mark.parametrize("given", ["**/*.tif", "**/*", "**/m_*"])
def test_a_pattern_leaves_out_results_of_earlier_runs(folder, given):
    write_results("earlier/m")
    write("m_.tif")
    listed, notes = images(given)
    assert "m_.tif" in listed.values()
    assert not any(path.startswith("earlier") for path in listed.values())
    (note,) = notes
    assert "left out (results of an earlier run): earlier/m/m_mask.tif" in note


def test_a_folder_of_results_is_left_out_beside_images(folder):
    write_results("earlier/m")
    listed, notes = images("earlier/m", "grid/a.dm3")
    assert listed == {"a": "grid/a.dm3"}
    assert notes == [
        "2 files were left out (results of an earlier run): "
        "earlier/m/m_mask.tif, earlier/m/m_overlay.png"
    ]


def test_links_to_results_are_left_out(folder):
    write_results("earlier/m")
    Path("grid/d.tif").symlink_to("../earlier/m/m_mask.tif")
    listed, notes = images("grid")
    assert "d" not in listed and "grid/d.tif" in notes[0]


def test_a_result_that_is_named_itself_is_taken(folder):
    write_results("earlier/m")
    for given in (["earlier/m/m_mask.tif"], ["**/*.tif", "earlier/m/m_mask.tif"]):
        listed, notes = images(*given, out=folder / "out")
        assert listed["m_mask"] == "earlier/m/m_mask.tif"
        assert not any("m_mask" in note for note in notes)


@pytest.mark.parametrize("content", ["{}", "[]", "no JSON", '{"outputs": {}, "score": 1}'])
def test_the_result_json_of_another_program_hides_nothing(folder, content):
    Path("grid/result.json").write_text(content)
    assert len(meant("grid")) == 3


def test_files_inside_out_are_left_out(folder):
    write("grid/out/thumbnail.tif")
    write_results("grid/out/m")
    write_results("grid/earlier/k")
    for out in (Path("grid/out"), folder / "grid" / "out", Path("other/../grid/out")):
        listed, notes = images("grid/**/*.[tT][iI][fF]", out=out)
        assert listed == {"b": "grid/b.TIF"}
        assert notes == [
            "1 file was left out (results of an earlier run): grid/earlier/k/m_mask.tif",
            "2 files were left out (inside the folder of the results, --out): "
            "grid/out/m/m_mask.tif, grid/out/thumbnail.tif",
        ]


def test_images_inside_out_are_taken_when_they_are_named(folder):
    assert meant("grid/a.dm3", out=Path("grid")) == {"a": "grid/a.dm3"}


def test_results_inside_out_are_left_out_even_when_they_are_named(folder):
    write_results("out/m")
    listed, notes = images("grid/a.dm3", "out/m/m_mask.tif", out=Path("out"))
    assert listed == {"a": "grid/a.dm3"}
    assert "out/m/m_mask.tif" in notes[0]


@pytest.mark.parametrize("given", ["out/m/m_mask.tif", "out/m", "out/**/*.tif", "grid"])
def test_it_is_a_mistake_when_nothing_is_left(folder, given):
    write_results("out/m")
    with pytest.raises(InputError, match=r"no image is left.*left out.*outside"):
        find_images([given], out=Path("grid" if given == "grid" else "out"))


def test_a_long_list_is_cut_in_notes(folder):
    for number in range(12):
        write_results(f"earlier/m{number:02d}")
    (note,) = images("grid/a.dm3", "earlier/**/*.tif")[1]
    assert note.startswith("12 files were") and note.endswith("m02/m_mask.tif and 9 more")


def test_notes_go_to_the_log(folder, caplog):
    find_images(["grid/a.dm3", "grid"])
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "named more than once" in caplog.text


@pytest.mark.parametrize("name", ["summary.csv.tif", "manifest.json.tif"])
def test_no_image_takes_the_name_of_a_table(folder, name):
    write(name)
    assert not meant(name).keys() & {*RESERVED}


@pytest.mark.parametrize("name", ["...tif", "..dm3", ".tif"])
def test_no_name_leads_out_of_the_folder(folder, name):
    write(name)
    (unique,) = meant(name)
    assert not unique.startswith(".") and "/" not in unique


@pytest.mark.parametrize(
    "given", ["grid/empty", "nothing.dm3", "grid/*.emd", "a/**b", "\0", "n" * 300, "n" * 5000]
)
def test_nothing_to_segment_is_a_mistake(folder, given):
    with pytest.raises(InputError, match=r"no image|no such file"):
        find_images([given])


def test_a_folder_that_cannot_be_listed_is_a_mistake(folder, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(InputError, match="grid: its files cannot be listed: Permission denied"):
        find_images(["grid"])
