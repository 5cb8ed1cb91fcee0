"""Bad input: one clear message, exit code not 0, nothing made and nothing lost."""

import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def assert_refused(done, *words):
    said = done.stdout + done.stderr
    assert done.returncode != 0
    assert "Traceback" not in said and "╭" not in said, said
    for word in words:
        assert word in said, said


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("dose_study.folds=1", ["dose_study.folds", "greater than or equal to 2", "1"]),
        ("dose_study.fold=4", ["unknown parameter 'fold'", "did you mean 'folds'?"]),
        ("dose_stdy.folds=4", ["dose_stdy", "did you mean 'dose_study'?"]),
        ("dose_study.recipe.learning_rate=-1", ["learning_rate", "greater than 0"]),
        ("dose_study.noise.train_set=dose_8", ["is a list", "in an environment"]),
        ("dose_study.recipe.norm=group", ["mixed_norms needs batch norms", "'group'"]),
        ("simulation.scene.particles.diameter_nm=50", ["do not fit into a field_nm"]),
        ("compute.workers=0", ["compute.workers", "greater than or equal to 1"]),
        ("compute.device=tpu", ["device 'tpu' is not available"]),
    ],
)
def test_impossible_parameters_stop_before_anything_is_made(project, given, words):
    assert_refused(project.run("--pipeline=dose_study", f"--params={given}"), *words)
    assert not list((project.folder / "data").rglob("*.zarr"))


IMPOSSIBLE = """
simulation:
  data_sets:
    dose_884: {multislice: {pixels: 64}}
    dose_423: {imaging: {c12_nm: .nan}}
    dose_80: {imaging: {dose_e_per_A2: [normal, 80, 40]}}
    thick: {scenes: 1, imaging: {dose_e_per_A2: 1}, multislice: {slice_thickness_nm: 7}}
"""


def test_impossible_requests_are_all_refused_before_any_work(project):
    project.environment_of("impossible", IMPOSSIBLE)
    sets = "simulation.data_sets"
    assert_refused(
        project.run("--pipeline=simulation", env="impossible"),
        *(f"{sets}.dose_884.multislice.pixels", "0.16 nm", "at least 206 pixels"),
        *(f"{sets}.dose_423.imaging.c12_nm", "finite number"),
        *(f"{sets}.dose_80.imaging.dose_e_per_A2", "greater than 0", "goes to 0"),
        *(f"{sets}.thick.multislice.slice_thickness_nm", "slices of 7 nm", "only 6.16 nm"),
        "4 faults, nothing was done",
    )
    assert not list((project.folder / "data").rglob("*"))


def test_a_wave_larger_than_memory_is_refused_before_any_work(project):
    given = "--params=simulation.multislice.pixels=400000"
    done = project.run("--pipeline=simulation", given)
    assert_refused(done, "multislice.pixels", "GiB", "Use fewer pixels")
    assert not [path for path in (project.folder / "data").rglob("*") if path.is_file()]


def test_a_pipeline_that_is_not_there_names_the_nearest(project):
    done = project.run("--pipeline=dose_stud")
    assert_refused(done, "dose_stud", "dose_study")


def test_a_list_in_place_of_a_mapping_names_the_environment(project):
    project.environment_of("mine", "dose_study: {noise: {train_set: dose_80}}")
    done = project.run(env="mine")
    assert_refused(done, "conf/mine: a parameter is a list")
    assert "--params" not in done.stdout + done.stderr


def test_a_study_of_any_parameter_file_is_found_in_its_environment_alone(project):
    block = (project.folder / "conf/base/parameters_size_study.yml").read_text()
    project.environment_of("mine", block.replace("size_study:", "support_study:"))
    done = project.run("--pipeline=support_study", env="tiny")
    assert_refused(done, "support_study", "environment 'tiny'", "conf/mine", "--env=mine")
    first = "--to-nodes=simulation.choose_data_sets"
    done = project.run("--pipeline=support_study", first, env="mine")
    assert done.returncode == 0, done.stdout + done.stderr


def test_two_studies_are_two_commands(project):
    assert_refused(project.run("--pipelines=dose_study,size_study"), "one after the other")


def test_own_images_need_a_folder(project):
    assert_refused(project.run("--pipeline=cross_validation"), "ingestion.root", "FOLDER")


def test_a_folder_that_is_not_there_is_said_once_and_alone(project):
    done = project.run("--pipeline=cross_validation", "--params=ingestion.root=no/such")
    assert_refused(done, "no/such: there is no such folder", "1 fault, nothing was done")
    said = done.stdout + done.stderr
    assert said.count("there is no such folder") == 1
    assert "Node" not in said and "--from-nodes" not in said


def test_the_documented_parameters_of_several_data_sets_are_accepted(project):
    """All that is refused is the folder, which is looked for after all parameters are checked."""
    page = (Path(__file__).parents[2] / "docs/own-images.md").read_text("utf-8")
    example = page.partition("## Several data sets")[2].split("```")[1].removeprefix("yaml")
    (project.folder / "conf/mine").mkdir()
    (project.folder / "conf/mine/parameters.yml").write_text(example)
    done = project.run("--pipeline=dose_study", "--params=ingestion.root=no/such", env="mine")
    assert_refused(done, "no/such: there is no such folder", "1 fault, nothing was done")


@pytest.fixture
def small_disk(project):
    """The project's data folder on a real disk of 1 MiB; `grow` gives it more room."""
    data = project.folder / "data"
    data.mkdir()

    def mount(*options):
        command = ["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", str(data)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    try:
        made = mount("size=1m")
    except FileNotFoundError:
        pytest.skip("no mount command here: the full-disk test needs a small tmpfs")
    if made.returncode:
        pytest.skip(f"may not mount a small tmpfs here: {made.stderr.strip()}")
    yield lambda: mount("remount", "size=300m")
    subprocess.run(["umount", str(data)], check=True)


def test_a_full_disk_is_said_and_the_same_command_goes_on_once_there_is_room(project, small_disk):
    only_dose = "--params=compute.executor=serial,simulation.only=dose_*"
    command = ["--pipeline=simulation", only_dose]
    assert_refused(project.run(*command), "The disk is full", "run the same command again")
    waves = project.folder / "data" / "01_raw" / "exit_waves"
    kept = sorted(path.name for path in waves.glob("[!.]*.zarr"))
    assert kept and not list(waves.glob(".*"))  # whole ones, and no litter
    assert small_disk().returncode == 0
    done = project.run(*command)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(kept)} stored before" in done.stdout + done.stderr


def own_folder(folder, n=4):
    rng = np.random.default_rng(0)
    rows = ["image,mask,pixel_size_nm,operator"]
    y, x = np.mgrid[:128, :128]
    for i in range(n):
        mask = (y - 60) ** 2 + (x - 40 - 10 * i) ** 2 < 900
        image = rng.normal(120, 12, mask.shape) - 30 * mask
        Image.fromarray(image.clip(0, 255).astype(np.uint8)).save(folder / f"i{i}.png")
        Image.fromarray(mask.astype(np.uint8) * 255).save(folder / f"m{i}.png")
        rows.append(f"i{i}.png,m{i}.png,0.02,ada")
    (folder / "metadata.csv").write_text("\n".join(rows) + "\n")


def cross_validate(project, folder):
    given = f"--params=ingestion.root={folder},compute.executor=serial"
    return project.run("--pipeline=cross_validation", given)


def test_a_folder_of_own_images_is_cross_validated(project, tmp_path):
    folder = tmp_path / "my images"
    folder.mkdir()
    own_folder(folder)
    done = cross_validate(project, folder)
    assert done.returncode == 0, done.stdout + done.stderr
    text = project.tables("cross_validation")["folds.csv"].decode()
    assert text.startswith("fold,seed,hard_dice,n_micrographs,n_patches\n0,0,")
    assert (project.reports / "cross_validation" / "folds.png").is_file()


def test_all_bad_files_of_a_folder_are_listed_at_once(project, tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    own_folder(folder, n=6)
    (folder / "m0.png").unlink()
    Image.fromarray(np.zeros((64, 128), np.uint8)).save(folder / "m1.png")
    Image.fromarray(np.full((128, 128), 7, np.uint8)).save(folder / "m2.png")
    (folder / "i3.png").write_bytes((folder / "i3.png").read_bytes()[:500])
    (folder / "i4.png").write_text("I am not an image")
    table = (folder / "metadata.csv").read_text().replace("i5.png,m5.png,0.02", "i5.png,m5.png,-1")
    (folder / "metadata.csv").write_text(table)
    done = cross_validate(project, folder)
    assert_refused(
        done, "m0.png", "m1.png", "m2.png", "i3.png", "i4.png", "pixel_size_nm", "6 faults"
    )
    assert project.networks() == {}


def test_an_empty_folder_is_said(project, tmp_path):
    folder = tmp_path / "empty"
    folder.mkdir()
    assert_refused(cross_validate(project, folder), "empty", "metadata.csv")
