"""The registry and the catalog agree: every dataset has a place, a layer and a user."""

import subprocess
import sys
from pathlib import Path
from typing import get_type_hints

import pytest
from kedro.config import OmegaConfigLoader
from kedro.framework.project import configure_project, pipelines
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project

# Kedro's parameter validation touches names that pydantic deprecates.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

ROOT = Path(__file__).parents[1]
HELD_IN_MEMORY = {"tracker", "simulated_sets"}


ENVIRONMENTS = (None, "night")
"""Base, and an environment that states a study of its own."""


def catalog_of(env):
    bootstrap_project(ROOT)
    with KedroSession.create(project_path=ROOT, env=env) as session:
        return session.load_context().catalog


@pytest.fixture(scope="module")
def catalog():
    return catalog_of(None)


@pytest.fixture(scope="module")
def registered():
    configure_project("hrtem_shift")
    return dict(pipelines)


def test_the_studies_and_their_parts_are_registered(registered):
    assert {
        "simulation",
        "ingestion",
        "preprocessing",
        "training",
        "evaluation",
        "noise_augmentation",
        "dose_study",
        "cross_validation",
        "__default__",
    } <= set(registered)
    assert registered["__default__"].nodes == registered["dose_study"].nodes


def test_a_study_is_a_row_of_stages(registered):
    """kedro-viz draws a box for each; here by the last of its nodes."""
    groups = enumerate(registered["dose_study"].grouped_nodes)
    last = {node.namespace: place for place, group in groups for node in group}
    assert sorted(last, key=last.get) == [
        "simulation",
        "ingestion",
        "preprocessing",
        "training",
        "evaluation",
        "noise_augmentation",
        "reporting",
    ]


@pytest.mark.parametrize(
    ("store", "writer"),
    [
        ("exit_wave_store", "simulation.simulate_exit_waves"),
        ("micrograph_folders", "simulation.record_micrographs"),
        ("network_store", "training.train_networks"),
    ],
)
def test_a_store_is_an_output_of_the_node_that_fills_it(registered, store, writer):
    filled_by = [node.name for node in registered["dose_study"].nodes if store in node.outputs]
    assert filled_by == [writer]


def test_kedro_can_read_the_types_of_every_node(registered):
    """Else blocks of parameters would arrive as plain mappings."""
    for pipeline in registered.values():
        for node in pipeline.nodes:
            get_type_hints(node.func)


def test_commands_start_without_the_heavy_libraries():
    code = (
        "import sys, hrtem_shift.settings, hrtem_shift.pipeline_registry as registry;"
        "registry.register_pipelines();"
        "print({'torch', 'mlflow', 'numba', 'scipy', 'pandas', 'kedro_datasets'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def names(registered):
    return {name for pipeline in registered.values() for name in pipeline.datasets()}


def test_every_dataset_of_every_pipeline_has_a_place(registered, catalog):
    for name in names(registered):
        short = name.split(".", 1)[-1]
        if not name.startswith("params:") and short not in HELD_IN_MEMORY:
            assert name in catalog, f"{name} is in no catalog file"


def test_every_parameter_of_every_pipeline_is_declared(registered):
    catalogs = [catalog_of(env) for env in ENVIRONMENTS]
    for name in names(registered):
        if name.startswith("params:"):
            declared = any(name in catalog for catalog in catalogs)
            assert declared, f"{name} is in no parameter file"


def test_every_catalog_entry_is_used_lies_in_a_layer_and_has_it_named(registered):
    loader = OmegaConfigLoader(str(ROOT / "conf"), base_env="base", default_run_env="local")
    entries = loader["catalog"]
    used = {name.split(".", 1)[-1] for name in names(registered)}
    for name, entry in entries.items():
        if name.startswith("_"):
            continue
        layer = entry["metadata"]["kedro-viz"]["layer"]
        short = name.split(".", 1)[-1]
        kept = name in ("{study}.results", "kept_tables")  # beside data, and never in it
        folder = ("results",) if kept else ("data", layer)
        assert Path(entry["filepath"]).parts[: len(folder)] == folder, name
        factory = short in ("{name}_figure", "{name}_figures")
        assert short in used or factory, f"{name} is used by no pipeline"


def test_every_folder_of_the_catalog_is_one_of_the_layers():
    layers = sorted(path.name for path in (ROOT / "data").iterdir() if path.is_dir())
    assert layers == [
        "01_raw",
        "02_intermediate",
        "05_model_input",
        "06_models",
        "07_model_output",
        "08_reporting",
    ]


def test_no_line_of_the_configuration_is_long():
    long = [
        f"{path.name}: {line}"
        for path in (ROOT / "conf").glob("*/*.yml")
        for line in path.read_text(encoding="utf-8").splitlines()
        if len(line) > 120
    ]
    assert not long


def test_every_environment_that_is_committed_is_explained():
    page = (ROOT / "conf/README.md").read_text(encoding="utf-8")
    tracked = subprocess.run(["git", "ls-files", "conf"], cwd=ROOT, capture_output=True, text=True)
    environments = {Path(name).parts[1] for name in tracked.stdout.split() if name.count("/") > 1}
    assert all(f"| `{name}` |" in page for name in environments), environments
