"""MLflow's tabs Datasets and Models: what a network was trained on, and where its weights are.

The weights stay in the store of networks. A model of MLflow holds their address, the recipe and
the scores, so that thousands of networks cost no copies.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

WEIGHTS = "weights"
"""Tag of a model: the file of its weights."""
CONTEXT = "mlflow.data.context"
"""Tag of MLflow for the use of a data set."""
NOT_IN_NAMES = str.maketrans(dict.fromkeys("/:.%\"'", "_"))
"""MLflow refuses these in the name of a model."""


@dataclass(frozen=True)
class DataSet:
    """A data set as MLflow names it."""

    name: str
    fingerprint: str
    source: str
    """Folder of its patches; empty where they are in memory."""


@dataclass(frozen=True)
class Sources:
    """Where networks and data sets are."""

    networks: Path = Path()
    """Folder of the network store."""
    data_sets: Mapping[str, DataSet] = field(default_factory=dict)
    """By name."""

    def weights(self, run_id: str) -> str:
        """URI of the weights of a network."""
        return (self.networks / run_id / "network.safetensors").absolute().as_uri()


def log_data_set(client: Any, mlflow_id: str, data_set: DataSet) -> None:
    """Log what a run was trained on; a repetition changes nothing."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    entry = Dataset(data_set.name, data_set.fingerprint, "local", data_set.source or "memory")
    client.log_inputs(mlflow_id, [DatasetInput(entry, [InputTag(CONTEXT, "training")])])


def log_model(
    client: Any,
    experiment_id: str,
    mlflow_id: str,
    name: str,
    tags: Mapping[str, str],
    params: Mapping[str, Any],
    *,
    may_exist: bool,
) -> str:
    """Create the model of a run, or find it where an earlier attempt may have; return its id.

    `may_exist` costs two more requests.
    """
    from mlflow.entities import LoggedModelOutput

    outputs: Any = []
    models: Any = []
    if may_exist:
        outputs = client.get_run(mlflow_id).outputs.model_outputs
        models = client.search_logged_models([experiment_id], f"source_run_id = '{mlflow_id}'")
    if models:
        model_id = str(models[0].model_id)
    else:
        values = {key[:250]: str(value)[:500] for key, value in params.items()}
        name = name.translate(NOT_IN_NAMES)
        model = client.create_logged_model(
            experiment_id, name, mlflow_id, dict(tags), values, "segmentation network"
        )
        model_id = str(model.model_id)
    if not outputs:
        client.log_outputs(mlflow_id, [LoggedModelOutput(model_id, 0)])
    client.finalize_logged_model(model_id, "READY")
    return model_id
