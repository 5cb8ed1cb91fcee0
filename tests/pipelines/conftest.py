"""A copy of the project that is run as a user runs it, with parameters that end in seconds."""

import fcntl
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from forked_kedro import run_kedro

ROOT = Path(__file__).parents[2]

TINY = """
compute: {executor: serial}
simulation:
  data_sets:
    dose_884: {scenes: 4}
    dose_423: {scenes: 4}
    dose_80: {scenes: 4}
    imaging:
      scenes: 6
      scene:
        field_nm: 5.12
        particles: {diameter_nm: [normal, 2.5, 0.1]}
        carbon: {thickness_nm: 1.0}
      multislice: {pixels: 128, slice_thickness_nm: 0.4}
  scene:
    field_nm: 5.12
    particles: {diameter_nm: [normal, 2.5, 0.1]}
    carbon: {thickness_nm: 1.0}
  multislice: {pixels: 128, slice_thickness_nm: 0.4}
dose_study:
  folds: 2
  preparation: {patch_px: 64}
  recipe: {epochs: 2, batch_size: 4, patches_per_epoch: 16}
  noise:
    - {train_set: dose_884, fold: 0, seeds: 2, rho: [0, 1.0], rho_max: [1.0], thinning: [0.09]}
    - {train_set: dose_423, fold: 0, seeds: 2, rho: [0, 1.0]}
cross_validation:
  folds: 2
  preparation: {patch_px: 64}
  recipe: {epochs: 2, batch_size: 4, patches_per_epoch: 16}
"""


class Project:
    """A folder with the project's configuration; `run` is ``kedro run`` in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.reports = folder / "data" / "08_reporting"

    def command(self, *arguments: str) -> list[str]:
        return [str(Path(sys.executable).parent / "kedro"), *arguments]

    def run(self, *arguments: str, env: str = "tiny") -> subprocess.CompletedProcess[str]:
        return self.kedro("run", f"--env={env}", *arguments)

    def kedro(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return run_kedro(list(arguments), self.folder, self.environment)

    def environment_of(self, name: str, parameters: str) -> None:
        """Make an environment of the text of a parameter file."""
        folder = self.folder / "conf" / name
        folder.mkdir()
        (folder / "parameters.yml").write_text(parameters)

    def run_and_kill(self, pipeline: str, enough: Callable[[], bool], env: str = "tiny") -> None:
        """Start a run and kill it with SIGKILL once there is enough of what it makes."""
        command = self.command("run", f"--env={env}", f"--pipeline={pipeline}")
        silent = subprocess.DEVNULL
        with subprocess.Popen(
            command, cwd=self.folder, env=self.environment, stdout=silent, stderr=silent
        ) as process:
            deadline = time.monotonic() + 200
            while not enough() and time.monotonic() < deadline:
                time.sleep(0.01)
            process.kill()
        time.sleep(1.5)  # what its workers may still do

    @property
    def environment(self) -> dict[str, str]:
        quiet = {"COLUMNS": "300", "PYTHONWARNINGS": "default", "DO_NOT_TRACK": "1"}
        return {**os.environ, **quiet}

    def networks(self) -> dict[str, int]:
        """When each network was stored (ns), by run id."""
        store = self.folder / "data" / "06_models" / "networks"
        found = store.glob("[!.]*/record.json")  # no file that a kill left half written
        return {path.parent.name: path.stat().st_mtime_ns for path in found}

    def tables(self, study: str = "dose_study") -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in (self.reports / study).glob("*.csv")}


def copy_project(folder: Path) -> Project:
    shutil.copytree(ROOT / "conf", folder / "conf")
    shutil.copy(ROOT / "pyproject.toml", folder)
    (folder / "src").mkdir()
    project = Project(folder)
    project.environment_of("tiny", TINY)
    return project


@pytest.fixture(scope="session")
def new_project(tmp_path_factory) -> Callable[[], Project]:
    return lambda: copy_project(tmp_path_factory.mktemp("project"))


@pytest.fixture
def project(new_project) -> Project:
    return new_project()


@pytest.fixture(scope="session")
def finished_once(tmp_path_factory) -> Path:
    """Folder of a project whose dose study has run once; the same for all test processes."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    folder = shared / "dose_study"  # never moved: its tables hold the paths of its micrographs
    with (shared / "dose_study.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "finished").exists():
            done = copy_project(folder).run("--pipeline=dose_study")
            assert done.returncode == 0, done.stdout + done.stderr
            (folder / "finished").touch()
    return folder


@pytest.fixture(scope="module")
def finished(finished_once, new_project) -> Project:
    """A project whose dose study has run once, undisturbed, in one process."""
    project = new_project()
    shutil.copytree(finished_once / "data", project.folder / "data")
    return project
