"""Settings that Kedro reads when it starts."""

from kedro.config import OmegaConfigLoader
from omegaconf import OmegaConf

from hrtem_shift.hooks import ParameterHooks, TrackingHooks

HOOKS = (ParameterHooks(), TrackingHooks())
DISABLE_HOOKS_FOR_PLUGINS = ("kedro-telemetry",)
CONFIG_LOADER_CLASS = OmegaConfigLoader
CONFIG_LOADER_ARGS = {
    "base_env": "base",
    "default_run_env": "local",
    "custom_resolvers": {"merge": OmegaConf.merge},  # ${merge:${_some_sets},${_other_sets}}
    "merge_strategy": {"parameters": "soft"},  # an environment states only what differs
}
