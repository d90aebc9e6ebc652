"""Decides which files a command reads and writes, before anything is sent: nothing is overwritten by surprise.

Knows nothing of what the pictures and videos show.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from imago.draw import SUFFIXES

VIDEO_SUFFIXES = (".webm", ".mp4", ".mkv", ".avi", ".mov", ".m4v", ".mpg", ".mpeg", ".mjpeg", ".ogv", ".ts", ".wmv")
"""Of files that are read as videos."""

Suffixes = Sequence[str]


class OutputError(ValueError):
    """The files asked for cannot be written as asked; a sentence for people."""


@dataclass(frozen=True, slots=True)
class Job:
    """One picture or video of a command."""

    source: Path
    # Unique among the jobs; what further files of this picture are called.
    name: str
    # The annotated copy; None when none is wanted.
    copy: Path | None


def is_video(path: Path) -> bool:
    """By its name alone."""
    return path.suffix.lower() in VIDEO_SUFFIXES


def picture_suffixes(_: Path) -> Suffixes:
    """What an annotated copy of a picture may end with, the usual one first."""
    return tuple(SUFFIXES)


def made_suffixes(_: Path) -> Suffixes:
    """What a picture that a server makes may end with: one without losses is the usual."""
    return (".png", *(suffix for suffix in SUFFIXES if suffix != ".png"))


def copy_suffixes(source: Path) -> Suffixes:
    """The same for pictures and videos."""
    return (".webm", ".mp4") if is_video(source) else picture_suffixes(source)


def expand(sources: Sequence[Path], suffixes: Suffixes) -> list[Path]:
    """The files themselves, and of each folder those that end with one of the suffixes, by name.

    Raises:
        OSError: A folder cannot be read, or holds no such file.
    """
    return [file for source in sources for file in (_within(source, suffixes) if source.is_dir() else [source])]


def is_folder(output: Path) -> bool:
    """Whether files are to lie in it, which it need not hold yet."""
    return output.is_dir() or not output.suffix


def check_suffix(output: Path, allowed: Suffixes) -> None:
    """Raises OutputError unless `output` is a folder, or a file whose name ends with one of the suffixes."""
    if not is_folder(output) and output.suffix.lower() not in allowed:
        raise OutputError(f"{output} cannot be drawn: its name must end with {', '.join(allowed)}, or be a folder.")


def plan(
    sources: Sequence[Path], output: Path | None, suffixes_for: Callable[[Path], Suffixes] = picture_suffixes
) -> list[Job]:
    """A job for each source.

    Args:
        sources: Files; two may have the same name in different folders.
        output: A file for one source; a folder for any number; None: no copies. Missing folders are made.
        suffixes_for: What the copy of a source may end with; the first is taken in a folder.

    Raises:
        OutputError: `output` has a suffix that is not drawn, is one file for many, or is one of the sources.
    """
    names = _unique_names(sources)
    if output is None:
        return [Job(source, name, None) for source, name in zip(sources, names, strict=True)]
    if is_folder(output):
        copies = [output / f"{name}{suffixes_for(source)[0]}" for source, name in zip(sources, names, strict=True)]
    else:
        copies = [_single(sources, output, suffixes_for)]
    inputs = {source.resolve() for source in sources}
    for copy in copies:
        if copy.resolve() in inputs:
            raise OutputError(f"{copy} is one of the files to read: give another name or folder.")
        copy.parent.mkdir(parents=True, exist_ok=True)
    return [Job(*job) for job in zip(sources, names, copies, strict=True)]


def _single(sources: Sequence[Path], output: Path, suffixes_for: Callable[[Path], Suffixes]) -> Path:
    if len(sources) > 1:
        raise OutputError(f"{output} is one file, and {len(sources)} are to be drawn: give a folder.")
    check_suffix(output, suffixes_for(sources[0]))
    return output


def _within(folder: Path, suffixes: Suffixes) -> list[Path]:
    files = sorted(file for file in folder.iterdir() if file.suffix.lower() in suffixes and file.is_file())
    if not files:
        raise FileNotFoundError(f"{folder} holds no file that ends with {', '.join(suffixes)}.")
    return files


def _unique_names(sources: Sequence[Path]) -> list[str]:
    names: dict[str, None] = {}
    for source in sources:
        name, again = source.stem, 1
        while name in names:
            again += 1
            name = f"{source.stem}-{again}"
        names[name] = None
    return list(names)
