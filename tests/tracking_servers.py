"""Stores to track in, real ones: a SQLite file, and an MLflow server before a PostgreSQL."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest


class SqliteStore:
    """A database that can be taken away while it is written to, and given back."""

    def __init__(self, folder):
        self.file = folder / "mlflow.db"
        self.uri = f"sqlite:///{self.file}"
        os.environ["MLFLOW_SQLALCHEMYSTORE_POOLCLASS"] = "NullPool"  # opened for each use

    def stop(self):
        self.file.rename(self.file.with_suffix(".away"))
        self.file.mkdir()

    def start(self):
        self.file.rmdir()
        self.file.with_suffix(".away").rename(self.file)

    def close(self):
        del os.environ["MLFLOW_SQLALCHEMYSTORE_POOLCLASS"]


class ServerStore:
    """`mlflow server` with PostgreSQL, reached from this machine alone."""

    def __init__(self, folder):
        self.folder = folder
        self.programs = max(Path("/usr/lib/postgresql").glob("*/bin"), default=None)
        if self.programs is None:
            pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
        pytest.importorskip("psycopg2", reason="psycopg2-binary is in the extra 'dev'")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.uri = f"http://127.0.0.1:{self.port}"
        self.database = Path(tempfile.mkdtemp(prefix="pg"))  # its owner must reach it
        if os.geteuid() == 0:
            shutil.chown(self.database, "nobody")
        data = ["-D", self.database / "data"]
        self._postgres("initdb", *data, "-U", "tracker", "--auth=trust", "--no-sync", "-E", "UTF8")
        only_a_socket = f"-k {self.database} -h '' -F"
        self._postgres(
            "pg_ctl", *data, "-w", "-l", self.database / "log", "-o", only_a_socket, "start"
        )
        self.start()

    def start(self):
        backend = f"postgresql+psycopg2://tracker@/postgres?host={self.database}"
        command = [sys.executable, "-W", "ignore", "-m", "mlflow", "server", "--workers", "1"]
        command += ["--host", "127.0.0.1", "--port", str(self.port)]
        command += ["--backend-store-uri", backend, "--no-serve-artifacts"]
        command += ["--default-artifact-root", str(self.folder)]
        without_jobs = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
        with (self.folder / "server.log").open("a") as log:
            self.process = subprocess.Popen(
                command, env=without_jobs, stdout=log, stderr=log, start_new_session=True
            )
        until = time.monotonic() + 60
        while not self._answers():
            assert time.monotonic() < until, (self.folder / "server.log").read_text()
            time.sleep(0.1)

    def stop(self):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def close(self):
        self.stop()
        self._postgres("pg_ctl", "-D", self.database / "data", "-m", "immediate", "stop")
        shutil.rmtree(self.database)

    def _answers(self):
        try:
            return urllib.request.urlopen(f"{self.uri}/health", timeout=5).status == 200
        except (urllib.error.URLError, OSError):
            return False

    def _postgres(self, program, *arguments):
        """PostgreSQL refuses to be run by root."""
        other = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
        command = [*(other if os.geteuid() == 0 else []), self.programs / program, *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=self.database)
