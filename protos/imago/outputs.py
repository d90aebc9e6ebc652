"""Decides which files a command reads and writes, before anything is sent: nothing is overwritten by surprise.

Knows nothing of what the pictures show.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from imago.draw import SUFFIXES


class OutputError(ValueError):
    """The files asked for cannot be written as asked; a sentence for people."""


@dataclass(frozen=True, slots=True)
class Job:
    """One picture of a command."""

    source: Path
    # Unique among the jobs; what further files of this picture are called.
    name: str
    # The annotated picture; None when none is wanted.
    picture: Path | None


def plan(sources: Sequence[Path], output: Path | None) -> list[Job]:
    """A job for each source.

    Args:
        sources: Pictures; two may have the same file name in different folders.
        output: A picture for one source; a folder for any number; None: no pictures. Missing folders are made.

    Raises:
        OutputError: `output` has a suffix that is not drawn, is one picture for many, or is one of the sources.
    """
    names = _unique_names(sources)
    if output is None:
        return [Job(source, name, None) for source, name in zip(sources, names, strict=True)]
    if output.is_dir() or not output.suffix:
        pictures = [output / f"{name}.jpg" for name in names]
    elif output.suffix.lower() not in SUFFIXES:
        raise OutputError(f"{output} cannot be drawn: its name must end with {', '.join(SUFFIXES)}, or be a folder.")
    elif len(sources) > 1:
        raise OutputError(f"{output} is one picture for {len(sources)} files: give a folder.")
    else:
        pictures = [output]
    inputs = {source.resolve() for source in sources}
    for picture in pictures:
        if picture.resolve() in inputs:
            raise OutputError(f"{picture} is one of the files to read: give another name or folder.")
        picture.parent.mkdir(parents=True, exist_ok=True)
    return [Job(*job) for job in zip(sources, names, pictures, strict=True)]


def _unique_names(sources: Sequence[Path]) -> list[str]:
    names: dict[str, None] = {}
    for source in sources:
        name, again = source.stem, 1
        while name in names:
            again += 1
            name = f"{source.stem}-{again}"
        names[name] = None
    return list(names)
