"""Does what `imago translate`, `stylize` and `dream` were told: sends pictures, tells progress, writes answers."""

from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from google.protobuf.message import Message
from PIL import Image
from rich.progress import Progress, TaskID
from rich.table import Table

from imago import albums, batch, draw, tables
from imago.client import Imago
from imago.images import to_pillow
from imago.options import DreamOptions, StylizeOptions, TranslateOptions
from imago.outputs import Job
from imago.terminal import complain, progress, sentence, show, show_json
from imago.v1 import image_pb2
from imago.v1.image_pb2 import ImageOutput
from imago.v1.translator_pb2 import DreamResponse, StylizeResponse, TranslateResponse, WeightedStyle

ResponseT = TypeVar("ResponseT", TranslateResponse, StylizeResponse, DreamResponse)
StreamedT = TypeVar("StreamedT", StylizeResponse, DreamResponse)

FORMATS = {
    ".png": image_pb2.IMAGE_FORMAT_PNG,
    ".jpg": image_pb2.IMAGE_FORMAT_JPEG,
    ".jpeg": image_pb2.IMAGE_FORMAT_JPEG,
    ".webp": image_pb2.IMAGE_FORMAT_WEBP,
}
FILM_RATE = 10.0
"""Pictures a second."""


@dataclass(frozen=True, slots=True)
class Making:
    """What is asked of a server for many pictures, and where the answers go.

    Attributes:
        side_by_side: whether a written picture shows what it was made of beside it.
        as_json: one JSON object a picture, instead of a table.
        at_once: pictures on their way at the same time.
        film: where the previews of the one picture go, as an animation; None: nowhere.
        timeout_s: most seconds for a picture that is stylised or dreamt into; None: as long as it takes.
    """

    client: Imago
    side_by_side: bool
    as_json: bool
    at_once: int
    film: Path | None = None
    timeout_s: float | None = None

    def translate(self, jobs: Sequence[Job], options: TranslateOptions) -> bool:
        """Translates the pictures; whether all were. Raises ServerUnreachable and OSError."""

        def work(job: Job, _: "_Bar") -> TranslateResponse:
            wanted = TranslateOptions(**{**options, "output": self._output(job)})
            answer = self.client.translate(job.source, **wanted)
            self._write(job, answer.image, [answer.cycled] if answer.HasField("cycled") else [])
            if job.copy is not None:
                answer.ClearField("image")
                answer.ClearField("cycled")
            return answer

        return self._run("translate", jobs, work, tables.translated)

    def stylize(self, jobs: Sequence[Job], styles: Sequence[WeightedStyle], options: StylizeOptions) -> bool:
        """Stylises the pictures; whether all were. Raises as `translate` does."""
        shown = [style.image for style in styles if style.HasField("image")]

        def work(job: Job, bar: "_Bar") -> StylizeResponse:
            wanted = StylizeOptions(**{**options, "output": self._output(job)})
            answer = self._last(self.client.stylize(job.source, *styles, timeout_s=self.timeout_s, **wanted), bar)
            self._write(job, answer.result.image, shown)
            if job.copy is not None:
                answer.result.ClearField("image")
            return answer

        return self._run("stylize", jobs, work, tables.stylized)

    def dream(self, jobs: Sequence[Job], options: DreamOptions) -> bool:
        """Dreams into the pictures; whether into all. Raises as `translate` does."""

        def work(job: Job, bar: "_Bar") -> DreamResponse:
            wanted = DreamOptions(**{**options, "output": self._output(job)})
            answer = self._last(self.client.dream(job.source, timeout_s=self.timeout_s, **wanted), bar)
            self._write(job, answer.result.image, [])
            if job.copy is not None:
                answer.result.ClearField("image")
            return answer

        return self._run("dream", jobs, work, tables.dreamt)

    def _run(
        self,
        what: str,
        jobs: Sequence[Job],
        work: Callable[[Job, "_Bar"], ResponseT],
        table: Callable[[Iterable[tuple[Path, ResponseT]]], Table],
    ) -> bool:
        answers: list[tuple[Path, ResponseT]] = []
        with progress(0) as bars:
            pictures = bars.add_task(what, total=len(jobs), visible=len(jobs) > 1)

            def one(job: Job) -> ResponseT:
                with _Bar(bars, job.source.name) as bar:
                    return work(job, bar)

            for job, answer in batch.run(jobs, one, workers=self.at_once):
                bars.advance(pictures)
                if isinstance(answer, Message):
                    answers.append((job.source, answer))
                    self._tell(job, answer)
                else:
                    complain(sentence(answer, about=str(job.source)))
        if answers and not self.as_json:
            show(table(answers))
        return len(answers) == len(jobs)

    def _tell(self, job: Job, answer: Message) -> None:
        if self.as_json:
            written = {} if job.copy is None else {"output": str(job.copy)}
            show_json(answer, file=str(job.source), **written)

    def _output(self, job: Job) -> ImageOutput:
        """The file's own format; what is drawn together comes without losses."""
        if job.copy is None or self.side_by_side:
            return ImageOutput()
        return ImageOutput(format=FORMATS[job.copy.suffix.lower()])

    def _write(self, job: Job, image: image_pb2.Image, others: Sequence[image_pb2.Image]) -> None:
        if job.copy is None:
            return
        if not self.side_by_side:
            job.copy.write_bytes(image.encoded)
            return
        original = draw.upright(job.source.read_bytes())
        row = [original, *(draw.upright(other.encoded) for other in others), to_pillow(image)]
        draw.save(albums.side_by_side(row), job.copy)

    def _last(self, answers: Generator[StreamedT, None, None], bar: "_Bar") -> StreamedT:
        """The response with the result; those before it move the bar and, where one is wanted, make the film."""
        previews: list[Image.Image] = []
        for answer in answers:
            if answer.HasField("progress"):
                bar.show(answer)
                if self.film is not None and answer.progress.HasField("preview"):
                    previews.append(to_pillow(answer.progress.preview))
        if self.film is not None:
            previews.append(to_pillow(answer.result.image))
            size = previews[-1].size
            albums.save_moving([one.convert("RGB").resize(size) for one in previews], self.film, FILM_RATE)
        return answer


@dataclass(slots=True)
class _Bar:
    """The bar of one picture, which appears with its first step and goes when the picture is done."""

    bars: Progress
    name: str
    task: TaskID | None = field(default=None, init=False)

    def show(self, answer: StylizeResponse | DreamResponse) -> None:
        done, total = answer.progress.step, answer.progress.total_steps
        if isinstance(answer, DreamResponse):
            done += answer.progress.octave * total
            total *= answer.progress.total_octaves
        if self.task is None:
            self.task = self.bars.add_task(self.name, total=total)
        self.bars.update(self.task, completed=done, total=total)

    def __enter__(self) -> "_Bar":
        return self

    def __exit__(self, *_: object) -> None:
        if self.task is not None:
            self.bars.remove_task(self.task)
