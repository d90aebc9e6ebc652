"""The configuration that a `model.py` may complete in `auto_complete_config`, as Triton's Python backend offers it."""

import json
from typing import Any

_TENSOR_KEYS = {"input": ("name", "data_type", "dims", "optional"), "output": ("name", "data_type", "dims")}


class ModelConfig:
    """A model's configuration as a dict in Triton's JSON form; what it already says may be repeated, not changed."""

    def __init__(self, model_config: str) -> None:
        self._model_config: dict[str, Any] = json.loads(model_config)

    def as_dict(self) -> dict[str, Any]:
        """The configuration; to be read only."""
        return self._model_config

    def set_max_batch_size(self, max_batch_size: int) -> None:
        """Raises ValueError when the configuration allows more."""
        configured = self._model_config["max_batch_size"]
        if configured > max_batch_size:
            raise ValueError(
                f"configuration specified max_batch_size {configured}, but in auto-complete-config function for model "
                f"'{self._name}' specified max_batch_size {max_batch_size}"
            )
        self._model_config["max_batch_size"] = max_batch_size

    def set_dynamic_batching(self) -> None:
        """Raises ValueError when another scheduler is configured."""
        for scheduler in ("sequence_batching", "ensemble_scheduling"):
            if scheduler in self._model_config:
                raise ValueError(
                    f"Configuration specified scheduling_choice as '{scheduler}', but auto-complete-config function "
                    f"for model '{self._name}' tries to set scheduling_choice as 'dynamic_batching'"
                )
        self._model_config.setdefault("dynamic_batching", {})

    def set_model_transaction_policy(self, transaction_policy_dict: dict[str, bool]) -> None:
        """Raises ValueError for a key other than 'decoupled', or when the configuration says otherwise."""
        if set(transaction_policy_dict) - {"decoupled"}:
            raise ValueError(
                f"model transaction property in auto-complete-config function for model '{self._name}' contains "
                "property other than 'decoupled'."
            )
        policy = self._model_config.setdefault("model_transaction_policy", {})
        for key, value in transaction_policy_dict.items():
            if policy.setdefault(key, value) != value:
                raise ValueError(
                    f"trying to change decoupled property in auto-complete-config for model '{self._name}', which is "
                    f"already set to '{policy[key]}'."
                )

    def add_input(self, input: dict[str, Any]) -> None:
        """Add an input, or complete the one of that name; ValueError where it contradicts the configuration."""
        self._add("input", input)

    def add_output(self, output: dict[str, Any]) -> None:
        """Add an output, or complete the one of that name; ValueError where it contradicts the configuration."""
        self._add("output", output)

    @property
    def _name(self) -> str:
        return str(self._model_config["name"])

    def _add(self, kind: str, tensor: dict[str, Any]) -> None:
        allowed = _TENSOR_KEYS[kind]
        where = f"in auto-complete-config function for model '{self._name}'"
        if unknown := sorted(set(tensor) - set(allowed)):
            raise ValueError(
                f"{kind} '{tensor.get('name')}' {where} contains property {unknown}; allowed: {list(allowed)}"
            )
        if missing := [key for key in ("name", "data_type", "dims") if key not in tensor]:
            raise ValueError(f"{kind} '{tensor.get('name')}' {where} is missing '{missing[0]}' property.")
        for configured in self._model_config[kind]:
            if configured["name"] == tensor["name"]:
                self._complete(kind, configured, tensor)
                return
        self._model_config[kind].append(tensor)

    def _complete(self, kind: str, configured: dict[str, Any], tensor: dict[str, Any]) -> None:
        unset: dict[str, Any] = {"data_type": "TYPE_INVALID", "dims": [], "optional": tensor.get("optional")}
        for key, value in tensor.items():
            said = configured.get(key, unset.get(key))
            if key != "name" and said not in (unset[key], value):
                raise ValueError(
                    f"model '{self._name}', {kind} '{tensor['name']}': the model expects {key} {value} but the model "
                    f"configuration specifies {key} {said}"
                )
            configured[key] = value
