"""Does what `imago detect` was told: pictures many at once, videos one by one, a camera until Ctrl-C."""

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from imago import batch, tables
from imago.client import Imago
from imago.errors import ImagoClientError, ServerUnreachable
from imago.objects import ObjectFinder
from imago.options import DetectOptions
from imago.outputs import Job, is_video
from imago.sheets import Sheet
from imago.sightings import Sighting, VideoSummary, WatchOptions
from imago.terminal import complain, progress, sentence, show, show_json, show_line
from imago.v1.detector_pb2 import DetectResponse

if TYPE_CHECKING:
    from imago.watch import Watch


@dataclass(frozen=True, slots=True)
class Detecting:
    """The command with its flags. `sheet` is None where no CSV file is wanted."""

    client: Imago
    pictures: DetectOptions
    videos: WatchOptions
    as_json: bool
    sheet: Sheet | None

    def files(self, jobs: Sequence[Job], at_once: int) -> bool:
        """Detects in pictures, `at_once` at a time, then in videos; whether all of them could be read to their ends.

        Raises:
            ServerUnreachable: There is nobody to ask.
        """
        pictures = [job for job in jobs if not is_video(job.source)]
        answers = self._pictures(pictures, at_once)
        if answers and not self.as_json:
            found = [tables.detections(answers[0][1].detections)] if len(jobs) == 1 else []
            show(tables.objects_by_file(answers), *found)
        videos = [self._video(job) for job in jobs if is_video(job.source)]
        seen = [summary for summary, _ in videos if summary.frames]
        if seen and not self.as_json:
            show(tables.videos(seen))
        return len(answers) == len(pictures) and all(whole for _, whole in videos)

    def camera(self, name: str, copy: Path | None) -> bool:
        """Watches a camera until Ctrl-C; whether it was there until then.

        Raises:
            ImagoClientError: The call failed.
            OSError: The camera cannot be opened, or the copy not be written.
        """
        summary = VideoSummary(Path(f"camera {name}"))
        with _watch().camera(self.client, name, copy, self.videos) as watch, _on_interrupt(watch.stop):
            self._follow(watch, summary)
        if not self.as_json:
            show(tables.videos([summary]))
        return not _complained(watch.shortfall())

    def _pictures(self, jobs: Sequence[Job], at_once: int) -> list[tuple[Path, DetectResponse]]:
        answers: list[tuple[Path, DetectResponse]] = []
        if not jobs:
            return answers
        find = ObjectFinder(self.client, self.pictures)
        with progress(len(jobs)) as bar:
            for job, found in bar.track(batch.run(jobs, find, workers=at_once), total=len(jobs), description="objects"):
                if not isinstance(found, DetectResponse):
                    complain(sentence(found, about=str(job.source)))
                    continue
                answers.append((job.source, found))
                if self.sheet:
                    self.sheet.add(job.source, found.detections)
                if self.as_json:
                    show_json(found, file=str(job.source))
        return answers

    def _video(self, job: Job) -> tuple[VideoSummary, bool]:
        """What was seen, and whether it was everything."""
        summary = VideoSummary(job.source)
        try:
            with _watch().file(self.client, job.source, job.copy, self.videos) as watch:
                self._follow(watch, summary)
        except ServerUnreachable:
            raise
        except (ImagoClientError, OSError) as error:
            return summary, not _complained(sentence(error, about=str(job.source)))
        return summary, not _complained(watch.shortfall())

    def _follow(self, watch: "Watch", summary: VideoSummary) -> None:
        with progress(watch.count) as bar, closing(watch.sightings()) as sightings:
            task = bar.add_task(str(summary.source), total=watch.count or None)
            for sighting in sightings:
                summary.add(sighting)
                self._tell(summary.source, sighting)
                dropped = f", {summary.dropped} dropped" if summary.dropped else ""
                bar.update(task, completed=summary.frames, description=f"{summary.source}{dropped}")

    def _tell(self, source: Path, sighting: Sighting) -> None:
        answer, time_s = sighting.answer, sighting.time_us / 1e6
        if self.sheet:
            self.sheet.add(source, answer.detections, frame=answer.frame_index, time_us=sighting.time_us)
        if self.as_json:
            show_json(answer, file=str(source), time_s=round(time_s, 3))
            return
        for alert in answer.alerts:
            show_line(f"{source}, {time_s:.2f} s: {alert.message}")


def _watch() -> "type[Watch]":
    """Watch, as long as there is an OpenCV to see with."""
    try:
        from imago.watch import Watch  # noqa: PLC0415 - OpenCV is an extra of the wheel
    except ImportError as error:
        raise OSError(f"Videos and cameras need OpenCV: pip install 'imago[video]' ({error}).") from error
    return Watch


def _complained(sentence: str) -> bool:
    """Whether there was something to complain about."""
    if sentence:
        complain(sentence)
    return bool(sentence)


@contextmanager
def _on_interrupt(stop: Callable[[], None]) -> Iterator[None]:
    """The first Ctrl-C calls `stop`; a second one ends the command as usual."""

    def interrupted(_: int, __: FrameType | None) -> None:
        signal.signal(signal.SIGINT, before)
        stop()

    before = signal.signal(signal.SIGINT, interrupted)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
