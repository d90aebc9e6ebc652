"""Shows a video or a camera to a server, frame by frame, and draws what it follows into a copy.

What is done with the answers is `detecting.py`'s; files and codecs are `video.py`'s.
"""

from collections import deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from PIL import Image

from imago import draw
from imago.client import Imago
from imago.sightings import Sighting, WatchOptions
from imago.streams import UNANSWERED
from imago.v1 import image_pb2
from imago.v1.detector_pb2 import DetectStreamResponse, VideoFrame
from imago.video import Camera, Frame, Pixels, VideoReader, VideoWriter, to_jpeg

# A server that is slower than the camera drops; so few wait on the way that it answers about what is there now.
CAMERA_UNANSWERED = 8
# An alert belongs to one frame; people need longer to read it.
ALERT_SHOWN_US = 3_000_000
ALERTS_SHOWN = 3


class Watch:
    """One video. Of a file every frame is watched; of a camera, what the server has time for.

    As a context it closes the source and the copy on the way out.

    Attributes:
        count: Frames that the source announces; 0 where it does not.
    """

    def __init__(self, client: Imago, source: VideoReader | Camera, copy: Path | None, options: WatchOptions) -> None:
        self.count = source.count
        self._client = client
        self._source = source
        self._writer = None if copy is None else VideoWriter(copy, source.rate)
        self._options = options
        self._sent: deque[Frame] = deque()
        self._alerts: list[tuple[int, str]] = []

    @classmethod
    def file(cls, client: Imago, path: Path, copy: Path | None, options: WatchOptions) -> Self:
        """Of a video file; raises what VideoReader does."""
        return cls(client, VideoReader(path), copy, options)

    @classmethod
    def camera(cls, client: Imago, name: str, copy: Path | None, options: WatchOptions) -> Self:
        """Of a camera; raises what Camera does."""
        return cls(client, Camera(name), copy, options)

    def sightings(self) -> Generator[Sighting, None, None]:
        """What was seen in each frame, as the answers come, drawn into the copy already.

        Close it before the watch.

        Raises:
            ImagoClientError: The call failed.
            VideoError: The copy cannot be written.
        """
        live = isinstance(self._source, Camera)
        answers = self._client.detect_stream(
            self._frames(), most_unanswered=CAMERA_UNANSWERED if live else UNANSWERED, **self._options.stream
        )
        with closing(answers):
            for answer in answers:
                frame = self._frame_of(answer)
                if self._options.most:
                    del answer.detections[self._options.most :]
                self._remember(answer.alerts, frame.time_us)
                if self._writer is not None:
                    marked = _marked(frame.pixels, answer, [message for _, message in self._alerts])
                    if live:
                        self._writer.write_until(marked, frame.time_us)
                    else:
                        self._writer.write(marked)
                yield Sighting(answer, frame.time_us)

    def stop(self) -> None:
        """Ends the watching of a camera as if it had ended by itself; from any thread."""
        if isinstance(self._source, Camera):
            self._source.stop()

    def shortfall(self) -> str:
        """After the last sighting: why there are fewer than there should be, as a sentence; else empty."""
        return self._source.shortfall()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._source.close()
        if self._writer is not None:
            self._writer.close()

    def _frames(self) -> Iterator[VideoFrame]:
        """Called in the thread that sends."""
        for frame in self._source:
            self._sent.append(frame)
            image = image_pb2.Image(encoded=to_jpeg(frame.pixels, self._options.quality))
            yield VideoFrame(image=image, time_us=frame.time_us)

    def _frame_of(self, answer: DetectStreamResponse) -> Frame:
        for _ in range(answer.dropped_frames):
            self._sent.popleft()
        return self._sent.popleft()

    def _remember(self, alerts: Sequence[image_pb2.Alert], now_us: int) -> None:
        kept = [(until, message) for until, message in self._alerts if until > now_us]
        self._alerts = [*kept, *((now_us + ALERT_SHOWN_US, alert.message) for alert in alerts)][-ALERTS_SHOWN:]


def _marked(pixels: Pixels, answer: DetectStreamResponse, alerts: Sequence[str]) -> Pixels:
    image = Image.fromarray(pixels[:, :, ::-1])
    draw.mark(image, answer.detections, alerts)
    return np.asarray(image)[:, :, ::-1]
