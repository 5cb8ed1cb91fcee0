"""`kedro` in a process of its own, forked from one that has imported the libraries already.

A new interpreter spends about five seconds of a core on importing Kedro, PyTorch, MLflow and
Matplotlib; the tests start some fifty. A fork is as isolated: own folder, environment, warnings
and exit code.
"""

import multiprocessing
import os
import subprocess
import sys
import tempfile
import warnings
from multiprocessing import forkserver
from pathlib import Path

IMPORTED = [
    "kedro.framework.cli.cli",
    "kedro.framework.session",
    "kedro.io",
    "kedro.runner",
    "matplotlib.backends.backend_agg",
    "matplotlib.figure",
    "mlflow",
    "mlflow.store.tracking.sqlalchemy_store",
    "numba",
    "pandas",
    "pyarrow.parquet",
    "scipy.ndimage",
    "scipy.optimize",
    "scipy.stats",
    "tifffile",
    "torch",
    "zarr",
    "hrtem_shift.hooks",
    "hrtem_shift.pipeline_registry",
]


def run_kedro(arguments, folder, environment):
    """Run ``kedro`` with some arguments in a folder, like `subprocess.run`."""
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(IMPORTED)
    before = dict(os.environ)
    os.environ.update(environment)
    try:
        forkserver.ensure_running()
    finally:
        os.environ.clear()
        os.environ.update(before)
    with tempfile.TemporaryDirectory() as outputs:
        given = (list(arguments), folder, environment, outputs)
        process = processes.Process(target=_kedro, args=given)
        process.start()
        process.join()
        said = [(Path(outputs) / name).read_text() for name in ("stdout", "stderr")]
    return subprocess.CompletedProcess(["kedro", *arguments], process.exitcode, *said)


def _kedro(arguments, folder, environment, outputs):
    for descriptor, name in ((1, "stdout"), (2, "stderr")):
        with (Path(outputs) / name).open("wb") as file:
            os.dup2(file.fileno(), descriptor)
    os.chdir(folder)
    os.environ.update(environment)
    warnings.resetwarnings()
    sys.argv = ["kedro", *arguments]
    from kedro.framework.cli.cli import main

    main()
