"""Reports what acceptance measures: one JSON line a figure, and whether each meets its bar."""

import json
import sys
from collections.abc import Callable
from typing import Any


class Figures:
    """Prints figures as they come and remembers misses."""

    def __init__(self) -> None:
        self.misses: list[str] = []

    def at_least(self, name: str, value: float, bar: float, **facts: Any) -> None:
        self._report(name, value, f">= {bar}", met=value >= bar, facts=facts)

    def at_most(self, name: str, value: float, bar: float, **facts: Any) -> None:
        self._report(name, value, f"<= {bar}", met=value <= bar, facts=facts)

    def equal(self, name: str, value: Any, bar: Any, **facts: Any) -> None:
        self._report(name, value, f"== {bar}", met=value == bar, facts=facts)

    def measured(self, name: str, value: Any, **facts: Any) -> None:
        """A figure that nothing was promised of."""
        self._report(name, value, "none", met=True, facts=facts)

    def _report(self, name: str, value: Any, bar: str, *, met: bool, facts: dict[str, Any]) -> None:
        value = round(value, 4) if isinstance(value, float) else value
        sys.stdout.write(json.dumps({"figure": name, "value": value, "bar": bar, "met": met} | facts) + "\n")
        sys.stdout.flush()
        if not met:
            self.misses.append(name)


Section = Callable[[Figures], None]


def run_sections(sections: dict[str, Section], wanted: list[str]) -> int:
    """Run the wanted sections (all when none is named). A section that raises is a miss, and the rest still run."""
    unknown = [name for name in wanted if name not in sections]
    if unknown:
        sys.stderr.write(f"unknown sections {unknown}; known: {', '.join(sections)}\n")
        return 2
    figures = Figures()
    for name in wanted or sections:
        sys.stderr.write(f"--- {name}\n")
        try:
            sections[name](figures)
        except Exception as error:
            figures.equal(f"{name} ran", f"{type(error).__name__}: {error}", "to its end")
    sys.stderr.write(
        f"{len(figures.misses)} figures missed: {figures.misses}\n" if figures.misses else "all figures met\n"
    )
    return 1 if figures.misses else 0
