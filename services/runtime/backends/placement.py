"""Turns Triton's `instance_group` into a list of instances, or says why this machine cannot place them."""

import ctypes
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tritonclient.grpc.model_config_pb2 import ModelInstanceGroup

from services.runtime.config import ConfigError, ModelConfig

_UNSERVED = ("rate_limiter", "profile", "passive", "host_policy", "secondary_devices")


@dataclass(frozen=True, slots=True)
class Placement:
    """One instance: its name as Triton forms it, "CPU", "GPU" or "MODEL", and the GPU's index (0 on a CPU)."""

    name: str
    kind: str
    device_id: int = 0


def place_instances(config: ModelConfig, gpus: Sequence[int]) -> list[Placement]:
    """The instances of one model version, given the GPUs that its backend can use.

    Raises:
        ConfigError: a kind or a GPU that cannot be had here, named.
    """
    groups = config.message.instance_group or [ModelInstanceGroup()]
    return [placement for number, group in enumerate(groups) for placement in _place(config, number, group, gpus)]


def _place(config: ModelConfig, number: int, group: Any, gpus: Sequence[int]) -> Iterator[Placement]:
    name = group.name or f"{config.name}_{number}" if number else group.name or config.name
    kind = ModelInstanceGroup.Kind.Name(group.kind).removeprefix("KIND_")
    if kind == "AUTO":
        kind = "GPU" if gpus else "CPU"
    for field, _ in group.ListFields():
        if field.name in _UNSERVED:
            raise ConfigError(f"model '{config.name}': instance_group '{name}' sets {field.name}, which is not served")
    if kind != "GPU" and group.gpus:
        raise ConfigError(
            f"model '{config.name}': instance_group '{name}' is KIND_{kind} but lists gpus {list(group.gpus)}"
        )
    devices = _gpus(config, name, group, gpus) if kind == "GPU" else [0]
    for device in devices:
        for copy in range(max(1, group.count)):
            suffix = f"_gpu{device}" if kind == "GPU" else ""
            yield Placement(name=f"{name}_{copy}{suffix}", kind=kind, device_id=device)


def _gpus(config: ModelConfig, name: str, group: Any, gpus: Sequence[int]) -> list[int]:
    if not gpus:
        raise ConfigError(
            f"model '{config.name}': instance_group '{name}' is KIND_GPU, "
            f"but backend '{config.backend}' finds no GPU here"
        )
    missing = [gpu for gpu in group.gpus if gpu not in gpus]
    if missing:
        raise ConfigError(
            f"model '{config.name}': instance_group '{name}' lists gpus {missing}, but here are only {list(gpus)}"
        )
    return list(group.gpus) or list(gpus)


def cuda_devices() -> list[int]:
    """Indices of the GPUs that the CUDA driver shows to this process; empty without a driver."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return []
    count = ctypes.c_int(0)
    if driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count)):
        return []
    return list(range(count.value))


def available_cpus() -> int:
    """CPUs that this process may run on."""
    return len(os.sched_getaffinity(0))
