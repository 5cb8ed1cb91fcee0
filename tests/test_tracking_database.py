"""MLflow's database is created atomically."""

import signal
import subprocess
import sys
import time

import pytest
from mlflow import MlflowClient

from hrtem_shift.tracking.new_database import create_database

CREATE = "import sys; from hrtem_shift.tracking.new_database import *; create_database(sys.argv[1])"

pytestmark = pytest.mark.filterwarnings("ignore")  # what MLflow's own dependencies deprecate


def test_a_kill_while_the_database_is_made_leaves_none_and_the_next_run_makes_it(tmp_path):
    building, uri = tmp_path / "building", f"sqlite:///{tmp_path}/data/mlflow.db"
    building.mkdir()
    process = subprocess.Popen([sys.executable, "-c", CREATE, uri], env={"TMPDIR": str(building)})
    try:
        while not any(path.stat().st_size for path in building.glob("*/mlflow.db")):
            assert process.poll() is None, "made before it could be killed"
            time.sleep(0.002)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not (tmp_path / "data").exists()
    create_database(uri)
    client = MlflowClient(uri)
    made = client.create_experiment("dose_study")
    assert list((tmp_path / "data").iterdir()) == [tmp_path / "data" / "mlflow.db"]
    create_database(uri)  # what is there stays
    assert client.get_experiment(made).name == "dose_study"


def test_other_addresses_are_left_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for uri in ("http://127.0.0.1:5000", "postgresql://localhost/runs", "sqlite:///:memory:"):
        create_database(uri)
    assert not list(tmp_path.iterdir())
