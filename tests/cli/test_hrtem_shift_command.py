"""The command hrtem-shift: exit codes, help, usage errors, and what survives a kill."""

import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import tifffile
from network_packages import (
    PIXEL_SIZE_NM,
    disc_image,
    disc_micrograph,
    make_package,
    training_image,
)

from hrtem_shift.cli.arguments import DONE, NETWORK_INVALID, SOME_FAILED, USAGE_ERROR
from hrtem_shift.cli.main import main
from hrtem_shift.execution.compute import available_cores
from hrtem_shift.segmentation.results import write_tiff

HEAVY = ("torch", "pandas", "pydantic", "matplotlib", "numpy", "kedro", "mlflow", "skimage", "rich")


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    return make_package(tmp_path_factory.mktemp("packages") / "discs")


@pytest.fixture
def folder(tmp_path):
    return images_in(tmp_path / "images", 2)


def images_in(folder, number, side=128):
    folder.mkdir()
    for k in range(number):
        write_tiff(folder / f"m{k:02d}.tif", training_image(k)[:side, :side], PIXEL_SIZE_NM)
    return folder


def segment(folder, package, *options):
    out = folder.parent / "out"
    given = ["segment", str(folder), "--out", str(out), "--network", str(package)]
    return main([*given, "--device", "cpu", *options])


def test_a_folder_of_images_is_segmented(folder, package, capsys):
    assert segment(folder, package) == DONE
    said = capsys.readouterr().out
    assert "2 of 2 images segmented (0 of them before) by dark discs" in said
    assert "in range: 2" in said
    summary = pd.read_csv(folder.parent / "out" / "summary.csv")
    assert summary["verdict"].tolist() == ["in range", "in range"]
    for number, expected in enumerate(summary["expected_dice"]):
        mask = tifffile.imread(folder.parent / "out" / f"m{number:02d}/m{number:02d}_mask.tif") > 0
        truth = disc_micrograph(number).mask
        dice = 2 * (mask & truth).sum() / (mask.sum() + truth.sum())
        assert abs(expected - dice) < 0.1


def test_broken_files_are_named_and_the_others_are_segmented(tmp_path, package, capsys):
    folder = images_in(tmp_path / "images", 4, side=48)
    (folder / "m04.dm3").write_bytes(b"")
    (folder / "m05.tif").write_bytes((folder / "m00.tif").read_bytes()[:-900])
    assert segment(folder, package) == SOME_FAILED
    said = capsys.readouterr().out
    assert "4 of 6 images segmented" in said
    assert all(f"failed: {folder / name}: " in said for name in ("m04.dm3", "m05.tif"))
    summary = pd.read_csv(tmp_path / "out" / "summary.csv")
    assert summary["status"].value_counts().to_dict() == {"segmented": 4, "failed": 2}
    assert len(list((tmp_path / "out").glob("*/result.json"))) == 4


def test_an_invalid_network_has_a_code_of_its_own(folder, package, capsys):
    with (package / "network_1.safetensors").open("rb") as file:
        content = bytearray(file.read())
    evil = make_package(folder.parent / "evil")
    (evil / "network_1.safetensors").write_bytes(content[:-1])
    assert segment(folder, evil) == NETWORK_INVALID
    assert "network_1.safetensors is not the file" in capsys.readouterr().err
    assert segment(folder, folder) == NETWORK_INVALID
    assert not (folder.parent / "out").exists()


@pytest.mark.parametrize(
    "options",
    [
        ["--threshold", "1"],
        ["--threshold", "nan"],
        ["--pixel-size-nm", "0"],
        ["--pixel-size-nm", "-0.1"],
        ["--pixel-size-nm", "inf"],
        ["--min-area-nm2", "-1"],
        ["--min-area-nm2", "small"],
        ["--memory-gib", "0"],
        ["--memory-gib", "nan"],
        ["--colour", "red"],
    ],
)
def test_an_impossible_option_is_a_usage_error(folder, package, options, capsys):
    assert segment(folder, package, *options) == USAGE_ERROR
    assert options[0] in capsys.readouterr().err


def test_a_missing_image_or_device_is_a_usage_error(folder, package, capsys):
    assert segment(folder / "nothing.dm3", package) == USAGE_ERROR
    assert "no such file" in capsys.readouterr().err
    assert segment(folder, package, "--device", "abacus") == USAGE_ERROR


def test_a_second_run_of_a_pattern_does_not_segment_its_results(folder, package, caplog, capsys):
    given = ["segment", str(folder / "**" / "*.tif"), "--network", str(package), "--device", "cpu"]
    for out in ("first", "first", "second"):
        assert main([*given, "--out", str(folder / out)]) == DONE
        assert "2 of 2 images segmented" in capsys.readouterr().out
    notes = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert any(note.startswith("8 files were left out (inside the folder of") for note in notes)
    assert any(note.startswith("8 files were left out (results of an earlier") for note in notes)


def test_an_image_beyond_the_memory_is_refused(folder, package, capsys):
    assert segment(folder, package, "--memory-gib", "1e-6") == SOME_FAILED
    assert "0 of 2 images segmented" in capsys.readouterr().out


def test_options_reach_the_result(folder, package, capsys):
    options = ["--pixel-size-nm", "0.11", "--min-area-nm2", "1000", "--exclude-border"]
    assert segment(folder, package, *options, "--threshold", "0.4") == DONE
    summary = pd.read_csv(folder.parent / "out" / "summary.csv")
    assert summary["pixel_size_nm"].tolist() == [0.11, 0.11]
    assert summary["n_particles"].tolist() == [0, 0]
    assert "0.11 nm is used as given" in (folder.parent / "out" / "warnings.txt").read_text()


def test_a_dry_run_says_what_would_be_done(folder, package, capsys):
    assert segment(folder, package, "--dry-run") == DONE
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("image,path,status")
    assert [line.split(",")[2] for line in lines[1:]] == ["to segment", "to segment"]
    (folder / "broken.tif").write_bytes(b"1")
    assert segment(folder, package, "--dry-run") == SOME_FAILED
    assert not (folder.parent / "out").exists()


COMMANDS = {
    "segment": ["segment", "image.tif"],
    "package": ["package", "run_id"],
    "measure": ["measure", "--usual", "folder"],
    "adapt": ["adapt", "folder"],
}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("place", ["file", "file/below", "file/further/below", "link", "n" * 300])
def test_a_folder_of_results_that_cannot_be_is_a_usage_error(tmp_path, capsys, command, place):
    (tmp_path / "file").write_bytes(b"1")
    (tmp_path / "link").symlink_to("nowhere")
    assert main([*COMMANDS[command], "--out", str(tmp_path / place)]) == USAGE_ERROR
    said = capsys.readouterr().err
    assert f"hrtem-shift {command}: --out {tmp_path / place}: " in said
    assert ("name too long" if place.startswith("n") else "is not a folder") in said
    assert "Name a folder that may be written to" in said
    assert (tmp_path / "file").read_bytes() == b"1"


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="no folder that nobody may write to")
@pytest.mark.parametrize("command", COMMANDS)
def test_a_folder_that_cannot_be_written_to_is_a_usage_error(capsys, command):
    assert main([*COMMANDS[command], "--out", "/proc/results/day1"]) == USAGE_ERROR
    assert "--out /proc/results/day1: it cannot be written to: " in capsys.readouterr().err


def test_a_folder_of_results_is_checked_without_a_trace(tmp_path, capsys):
    out = tmp_path / "deep" / "out"
    assert main(["segment", str(tmp_path / "nothing.dm3"), "--out", str(out)]) == USAGE_ERROR
    assert "no such file" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["package", "measure", "adapt"])
def test_no_package_takes_the_place_of_something_else(tmp_path, capsys, command):
    (tmp_path / "thesis.txt").write_bytes(b"1")
    assert main([*COMMANDS[command], "--out", str(tmp_path)]) == USAGE_ERROR
    assert "it is no network package" in capsys.readouterr().err
    assert (tmp_path / "thesis.txt").exists()


class Recorder:
    """In place of a function that makes a package: records what it is called with."""

    def __call__(self, *arguments, **named):
        self.arguments, self.named = arguments, named
        *_, out = (path for path in arguments if isinstance(path, Path))
        out.mkdir()
        (out / "CARD.md").write_text("# A card\n")


@pytest.mark.parametrize(
    ("options", "processes"), [([], available_cores()), (["--processes", "3"], 3)]
)
def test_package_names_processes(tmp_path, capsys, monkeypatch, options, processes):
    recorder, out = Recorder(), tmp_path / "new"
    monkeypatch.setattr("hrtem_shift.cli.package.package_networks", recorder)
    assert main(["package", "r1", "r2", "--out", str(out), "--env", "paper", *options]) == DONE
    assert recorder.arguments == (("r1", "r2"), out, "new")
    expected = {"env": "paper", "processes": processes, "labelled": (), "drawn": 200}
    expected["alterations"] = 1
    assert recorder.named == expected
    assert capsys.readouterr().out == "# A card\n"


@pytest.mark.parametrize(
    ("options", "labelled", "named"),
    [
        ([], [], {"drawn": 300, "processes": available_cores(), "note": ""}),
        (
            ["--labelled", "c", "d", "--drawn", "0", "--processes", "1", "--note", "ours"],
            [Path("c"), Path("d")],
            {"drawn": 0, "processes": 1, "note": "ours"},
        ),
    ],
)
def test_measure_names_folders(tmp_path, capsys, monkeypatch, options, labelled, named):
    recorder, out = Recorder(), tmp_path / "new"
    monkeypatch.setattr("hrtem_shift.segmentation.measure_package.measure_package", recorder)
    monkeypatch.setattr("hrtem_shift.segmentation.shipped.shipped_package", lambda: "shipped")
    assert main(["measure", "--usual", "a", "b", *options, "--out", str(out)]) == DONE
    assert recorder.arguments == ("shipped", out, [Path("a"), Path("b")], labelled)
    assert recorder.named == named
    assert capsys.readouterr().out == "# A card\n"


@pytest.mark.parametrize(
    ("options", "name", "steps"),
    [([], "new", 64), (["--steps", "7", "--name", "ours"], "ours", 7)],
)
def test_adapt_names_a_folder(tmp_path, capsys, monkeypatch, options, name, steps):
    recorder, out = Recorder(), tmp_path / "new"
    monkeypatch.setattr("hrtem_shift.segmentation.adapt_package.adapt_package", recorder)
    monkeypatch.setattr("hrtem_shift.segmentation.shipped.shipped_package", lambda name: name)
    assert main(["adapt", "labelled", *options, "--processes", "2", "--out", str(out)]) == DONE
    assert recorder.arguments == ("particles", Path("labelled"), out, name)
    assert recorder.named["recipe"].steps == steps and recorder.named["processes"] == 2
    assert capsys.readouterr().out == "# A card\n"


@pytest.mark.parametrize(
    "options", [["--processes", "0"], ["--processes", "1.5"], ["--drawn", "-1"], ["--drawn", "all"]]
)
def test_counts_are_whole_numbers(tmp_path, capsys, options):
    given = ["measure", "--usual", "a", *options, "--out", str(tmp_path / "new")]
    assert main(given) == USAGE_ERROR
    assert f"Invalid value for '{options[0]}'" in capsys.readouterr().err


def test_measure_refuses_an_invalid_package(tmp_path, capsys):
    given = ["measure", "--network", str(tmp_path), "--usual", "a", "--out", str(tmp_path / "new")]
    assert main(given) == NETWORK_INVALID


def imported_by(arguments):
    """What a command prints, and which heavy packages it imports."""
    program = (
        "import sys\n"
        "from hrtem_shift.cli.main import main\n"
        "try:\n"
        f"    main({arguments!r})\n"
        "finally:\n"
        f"    print([name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    *said, imported = done.stdout.splitlines()
    return "\n".join([*said, done.stderr]), imported


@pytest.mark.parametrize("command", [[], *([name] for name in COMMANDS)])
def test_help_imports_nothing_heavy(command):
    said, imported = imported_by([*command, "--help"])
    assert said.startswith(" ".join(["Usage: hrtem-shift", *command]))
    assert imported == "[]"


def test_a_usage_error_of_out_imports_nothing_heavy(tmp_path):
    (tmp_path / "file").write_bytes(b"1")
    said, imported = imported_by(["segment", "image.tif", "--out", str(tmp_path / "file")])
    assert "is not a folder" in said
    assert imported == "[]"


def test_kill_9_costs_no_image_that_was_finished(tmp_path, package):
    folder, out = images_in(tmp_path / "images", 5, side=48), tmp_path / "out"
    command = [sys.executable, "-m", "hrtem_shift", "segment", str(folder)]
    command += ["--out", str(out), "--network", str(package), "--device", "cpu"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 120
        while len(list(out.glob("[!.]*/result.json"))) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        process.kill()
    (out / ".m04.0123.part").mkdir()  # as a kill leaves it
    finished = {path: path.stat().st_mtime_ns for path in out.glob("[!.]*/result.json")}
    assert 2 <= len(finished) < 5 and not (out / "summary.csv").exists()
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == DONE, done.stderr
    assert f"5 of 5 images segmented ({len(finished)} of them before)" in done.stdout
    assert {path: path.stat().st_mtime_ns for path in finished} == finished
    assert not list(out.glob(".*"))
    whole = tmp_path / "undisturbed"
    assert main(["segment", str(folder), "--out", str(whole), *command[-4:]]) == DONE
    for name in ("summary.csv", "particles.csv"):
        assert (out / name).read_bytes() == (whole / name).read_bytes()


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_images(tmp_path):
    one_network = make_package(tmp_path / "package", levels=(0.8,))
    for folder, seeds in (("first", range(2)), ("more", range(2, 5))):
        (tmp_path / folder).mkdir()
        for seed in seeds:
            pixels = disc_image((300, 300, 100), side=640, seed=seed)
            write_tiff(tmp_path / folder / f"m{seed}.tif", pixels, PIXEL_SIZE_NM)
    program = (
        "import resource, sys\n"
        "from hrtem_shift.cli.main import main\n"
        "out, network, *folders = sys.argv[1:]\n"
        "for folder in folders:\n"
        "    main(['segment', folder, '--out', out, '--network', network, '--device', 'cpu'])\n"
        "    sys.stderr.write(f'{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}\\n')\n"
    )
    given = [tmp_path / "out", one_network, tmp_path / "first", tmp_path / "more"]
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, given)],
        capture_output=True,
        text=True,
        check=True,
    )
    peaks_kib = [int(line) for line in done.stderr.splitlines() if line.isdigit()]
    assert len(peaks_kib) == 2 and len(list((tmp_path / "out").glob("*/result.json"))) == 5
    assert peaks_kib[1] - peaks_kib[0] < 20 * 1024  # three more images held would be 80 MiB


def test_an_installation_without_networks_says_so(folder, capsys, monkeypatch):
    monkeypatch.setattr("hrtem_shift.segmentation.shipped._PLACE", "nowhere")
    out = folder.parent / "out"
    assert main(["segment", str(folder), "--out", str(out), "--device", "cpu"]) == USAGE_ERROR
    assert "Name a package with --network" in capsys.readouterr().err
