"""How long a process may take to end, from its settings."""

from collections.abc import Mapping

from services.runtime.process.settings import ProcessSettings

_CONNECTIONS_AND_EXIT_S = 3.0


def longest_stop_s(environment: Mapping[str, str]) -> float:
    """Most seconds from SIGTERM to the exit of a process with these variables; all others have their defaults."""

    def seconds(setting: str) -> float:
        default = ProcessSettings.model_fields[setting].default
        return float(environment.get(f"IMAGO_{setting.upper()}", default))

    cleaning_up_and_closing = 2 * seconds("close_timeout_s")
    return seconds("lame_duck_s") + seconds("drain_timeout_s") + cleaning_up_and_closing + _CONNECTIONS_AND_EXIT_S
