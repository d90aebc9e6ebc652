"""Finds model folders and their versions on disk, as Triton lays them out. It loads nothing."""

import os
import re
from collections.abc import Sequence
from pathlib import Path

from tritonclient.grpc import model_config_pb2

from services.runtime.config import CONFIG_FILE, ConfigError, named_file
from services.runtime.errors import StartupError

_VERSION = re.compile(r"[1-9][0-9]{0,17}")
"""A version fits 64 bits."""


def find_models(roots: Sequence[Path]) -> dict[str, Path]:
    """Every model folder of the repositories, by name, in order.

    Raises:
        StartupError: a root that is not a folder, a name in two roots, or nothing at all.
    """
    models: dict[str, Path] = {}
    for root in roots:
        if not root.is_dir():
            raise StartupError(f"model repository '{root}' is not a folder")
        for folder in sorted(path for path in root.iterdir() if _is_model(path)):
            if folder.name in models:
                raise StartupError(
                    f"model '{folder.name}' is in two repositories: '{models[folder.name].parent}' and '{root}'"
                )
            models[folder.name] = folder
    if not models:
        raise StartupError(
            f"no model in {', '.join(map(repr, map(str, roots)))}: a model is a folder with {CONFIG_FILE}"
        )
    return models


def _is_model(path: Path) -> bool:
    return (
        path.is_dir()
        and not path.name.startswith((".", "__"))
        and ((path / CONFIG_FILE).is_file() or bool(_numbers(path)))
    )


def _numbers(folder: Path) -> list[int]:
    """Version folders, oldest first: decimal names without a leading zero, as Triton reads them."""
    return sorted(int(path.name) for path in folder.iterdir() if _VERSION.fullmatch(path.name) and path.is_dir())


def served_versions(message: model_config_pb2.ModelConfig, folder: Path) -> list[int]:
    """The versions that the version policy wants, oldest first.

    Raises:
        ConfigError: there is none, or a specific one is missing.
    """
    found = _numbers(folder)
    if not found:
        raise ConfigError(f"model '{message.name}': no version folder such as '{folder.name}/1' is there")
    policy = message.version_policy
    if policy.WhichOneof("policy_choice") == "all":
        return found
    if policy.WhichOneof("policy_choice") == "specific":
        wanted = sorted(set(policy.specific.versions))
        missing = [version for version in wanted if version not in found]
        if missing or not wanted:
            raise ConfigError(
                f"model '{message.name}': version_policy names {missing or 'no version'}, but the versions are {found}"
            )
        return wanted
    return found[-max(1, policy.latest.num_versions) :]


def require_file(message: model_config_pb2.ModelConfig, folder: Path, version: int, default: str) -> None:
    """Raises ConfigError when the version's model file is missing or leaves its folder."""
    name = message.default_model_filename or default
    try:
        path = named_file(folder / str(version), name)
    except ValueError as error:
        raise ConfigError(f"model '{message.name}': default_model_filename {error}") from None
    if not os.path.isfile(path):  # unlike Path.is_file it raises for no name
        raise ConfigError(f"model '{message.name}' version {version}: '{folder.name}/{version}/{name}' is not there")
