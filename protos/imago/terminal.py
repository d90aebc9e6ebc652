"""How the command speaks: tables and JSON to standard output, everything else to standard error."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from imago.errors import ImagoClientError

# In a pipe there is no window to fit into, and lines should not break.
PIPE_WIDTH = 240
# What every table of ours fits into. A window that is narrower breaks lines by itself, which hides nothing.
LEAST_WIDTH = 80

_errors = Console(stderr=True, highlight=False, soft_wrap=True)


def show(*tables: Table) -> None:
    """Tables, an empty line between two."""
    window = Console()
    width = max(window.width, LEAST_WIDTH) if window.is_terminal else PIPE_WIDTH
    console = Console(highlight=False, width=width)
    for number, table in enumerate(tables):
        if number:
            console.print()
        console.print(table)


def show_json(message: Message, **more: object) -> None:
    """One line: the protobuf JSON of the message under "response", unset fields included, beside `more`."""
    show_line(json.dumps({**more, "response": as_dict(message)}, ensure_ascii=False))


def as_dict(message: Message) -> dict[str, Any]:
    """The protobuf JSON of a message, unset fields included."""
    return MessageToDict(message, always_print_fields_with_no_presence=True)


def show_line(line: str) -> None:
    """One line on standard output, at once; above the bar where there is one."""
    print(line, flush=True)


def complain(sentence: str) -> None:
    """One line on standard error."""
    _errors.print(f"imago: {sentence}", style="red", markup=False)


def sentence(error: Exception, *, about: str = "") -> str:
    """What failed, for people; `about` is the file that it concerns, where the error does not name it itself."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename or about}: {error.strerror}."
    return str(error) if about in str(error) else f"{about}: {error}"


def progress(total: int) -> Progress:
    """A bar, where somebody watches and has something to wait for.

    `total` is 0 where nobody knows how much there is.
    """
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=_errors,
        transient=True,
        # What goes into a file must not be shown above the bar instead.
        redirect_stdout=sys.stdout.isatty(),
        disable=total == 1 or not _errors.is_terminal,
    )


@contextmanager
def failures_in_one_line() -> Iterator[None]:
    """Turns a failed call or file into one sentence and the exit code 1."""
    try:
        yield
    except (ImagoClientError, OSError) as error:
        complain(sentence(error))
        raise typer.Exit(1) from error
