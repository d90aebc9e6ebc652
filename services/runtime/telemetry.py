"""Counts what every model does: the figures behind Triton's statistics RPC and `/metrics`.

It knows numbers only: not requests, not transports.
"""

from dataclasses import dataclass, field
from time import time_ns
from typing import Literal

FailureReason = Literal["REJECTED", "CANCELED", "BACKEND", "OTHER"]


@dataclass(slots=True)
class Duration:
    """A count of events and the nanoseconds that they took together."""

    count: int = 0
    ns: int = 0

    def add(self, ns: int, count: int = 1) -> None:
        self.count += count
        self.ns += ns
