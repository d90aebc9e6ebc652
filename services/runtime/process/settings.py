"""Decides how a process is told what to do: a flag beats its `IMAGO_*` environment variable, which beats the default.

Every field is a setting; its docstring is the flag's help. Nothing else in a process reads the environment.
"""

import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NoReturn, TypeVar, get_origin

from pydantic import Field, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, CliApp, CliSettingsSource, SettingsConfigDict
from pydantic_settings.exceptions import SettingsError

BAD_SETTINGS = 2
"""Exit code of a process that was told something it cannot obey."""


class ProcessSettings(BaseSettings):
    """What every server process can be told. Subclass it for more; a list is repeated flags or `a,b` anywhere."""

    model_config = SettingsConfigDict(
        env_prefix="IMAGO_",
        frozen=True,
        use_attribute_docstrings=True,
        enable_decoding=False,
        cli_kebab_case=True,
        cli_implicit_flags=True,
        cli_hide_none_type=True,
        cli_exit_on_error=False,
    )

    host: str = "0.0.0.0"
    """Address to listen on; 127.0.0.1 keeps the process to this machine."""
    grpc_port: int = Field(default=8001, ge=0, le=65535)
    """Port of gRPC; 0 lets the system choose."""
    http_port: int = Field(default=8002, ge=0, le=65535)
    """Port of /livez, /readyz, /metrics and the application's own pages; 0 lets the system choose."""
    ports_file: Path | None = None
    """File to write {"grpc": port, "http": port} to once the process is ready."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severe log event to write; debug also logs every call that succeeds."""
    log_format: Literal["json", "text"] = "text" if sys.stderr.isatty() else "json"
    """One JSON object per line, or text for people; text by default on a terminal, else json."""

    lame_duck_s: float = Field(default=5.0, ge=0)
    """Seconds after SIGTERM in which calls are still accepted though readiness is off, so that balancers notice."""
    drain_timeout_s: float = Field(default=30.0, gt=0)
    """Most seconds that accepted calls may take to finish after the lame-duck time; then they are cut off."""
    close_timeout_s: float = Field(default=5.0, gt=0)
    """Most seconds for cut-off calls to clean up, and again for models to close, before the process just exits."""

    max_message_mib: int = Field(default=32, ge=1, le=2047)
    """Largest message in either direction, in MiB; with max-concurrent-streams it bounds a connection's memory."""
    max_concurrent_streams: int = Field(default=128, ge=1)
    """Most calls in flight on one connection; the client queues the rest."""
    max_connection_age_s: float = Field(default=300.0, gt=0)
    """Seconds (give or take 10 %) after which a client must reconnect, and so finds new replicas."""
    max_connection_age_grace_s: float = Field(default=60.0, gt=0)
    """Seconds that calls on a connection that has reached its age may still take."""
    reflection: bool = True
    """Whether clients such as grpcurl may list services and methods."""

    @field_validator("*", mode="before")
    @classmethod
    def _split_lists(cls, value: Any, info: ValidationInfo) -> Any:
        is_list = info.field_name and get_origin(cls.model_fields[info.field_name].annotation) is list
        if is_list and isinstance(value, str):
            return [part.strip() for part in value.split(",") if part.strip()]
        return value


S = TypeVar("S", bound=ProcessSettings)


def load(cls: type[S], argv: Sequence[str], *, prog: str, description: str) -> S:
    """Settings from flags (`argv`, without the program's name), the environment and defaults, in this order.

    A value that cannot be obeyed is one line on standard error that names flag, variable and value, and exit code 2.
    `--help` prints every setting and exits with 0.
    """
    try:
        source: CliSettingsSource[ArgumentParser] = CliSettingsSource(cls, cli_prog_name=prog)
        source.root_parser.description = description
        source.root_parser.epilog = "Each flag has an environment variable: --grpc-port is IMAGO_GRPC_PORT."
        return CliApp.run(cls, cli_args=list(argv), cli_settings_source=source)
    except SettingsError as error:
        _refuse(prog, str(error).removeprefix("error parsing CLI: "))
    except ValidationError as error:
        _refuse(prog, "; ".join(map(_complaint, error.errors())))


def _complaint(error: Any) -> str:
    reason = error["msg"].removeprefix("Value error, ")
    if not error["loc"]:  # a rule that joins several settings; its sentence names them
        return str(reason)
    field, *place = map(str, error["loc"])
    names = f"--{field.replace('_', '-')} (IMAGO_{field.upper()})"
    if error["type"] == "missing":
        return f"{names} must be given"
    return f"{names} is '{error['input']}'{' at ' + '.'.join(place) if place else ''}: {reason}"


def _refuse(prog: str, complaint: str) -> NoReturn:
    sys.stderr.write(f"{prog}: {complaint}\n")
    raise SystemExit(BAD_SETTINGS)
