"""Every way a request can fail, free of any transport.

Each class says who is at fault and what the client sees. Messages are sentences that name the field and the value;
they reach the client word for word, so they never carry a path of this machine, a stack trace or image content.
`process/guard.py` is the one place that turns a class into a gRPC status.
"""


class ImagoError(Exception):
    """Base of all failures that a client may be told about. `str(error)` is the sentence it sees."""


class InvalidInput(ImagoError):
    """The caller sent something that can never succeed (INVALID_ARGUMENT). `field` names it, as in the contract."""

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class NotFound(ImagoError):
    """The caller named a model, a version or a record that is not here (NOT_FOUND)."""


class Unsupported(ImagoError):
    """The caller asked for something that this model or process does not do (UNIMPLEMENTED)."""


class Overloaded(ImagoError):
    """Nobody's mistake: a bounded queue is full (RESOURCE_EXHAUSTED). Come back after `retry_after_s` seconds."""

    def __init__(self, message: str, *, retry_after_s: float = 0.1) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class DeadlineExpired(ImagoError):
    """The caller's time was up before the answer was ready (DEADLINE_EXCEEDED). Nothing was computed after it."""


class QueueTimeout(DeadlineExpired):
    """The model's queue policy, or the request's own `timeout`, gave up before the caller did (DEADLINE_EXCEEDED)."""


class Cancelled(ImagoError):
    """The caller went away (CANCELLED)."""


class Unavailable(ImagoError):
    """The server cannot answer now but may soon: not ready, draining, or a crashed instance (UNAVAILABLE)."""


class ModelFailed(ImagoError):
    """The server's fault: the model raised or answered nonsense (INTERNAL)."""


class StartupError(Exception):
    """The operator's mistake: the process cannot start. Printed as one line; the exit code is 1."""
