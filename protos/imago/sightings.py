"""How a video is watched and what was seen in it, frame by frame and added up. Values; no video is touched here."""

from dataclasses import dataclass, field
from pathlib import Path

from imago.options import StreamOptions
from imago.v1.detector_pb2 import DetectStreamResponse


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """How frames are asked about.

    Attributes:
        stream: What the server is told.
        most: Most detections of a frame that are kept, best first; 0: all.
        quality: Of the JPEG files in which frames travel, 1..100.
    """

    stream: StreamOptions
    most: int = 0
    quality: int = 90


@dataclass(frozen=True, slots=True)
class Sighting:
    """The answer about one frame, and when in the video it was, in microseconds."""

    answer: DetectStreamResponse
    time_us: int


@dataclass(slots=True)
class VideoSummary:
    """One video, so far."""

    source: Path
    frames: int = 0
    dropped: int = 0
    alerts: int = 0
    tracks: set[int] = field(default_factory=set)
    size: tuple[int, int] = (0, 0)
    """Width and height of the last frame in pixels."""
    model: str = ""
    compute_us: int = 0
    """Of all frames together."""

    def add(self, sighting: Sighting) -> None:
        answer = sighting.answer
        self.frames += 1
        self.dropped += answer.dropped_frames
        self.alerts += len(answer.alerts)
        self.tracks.update(found.track_id for found in answer.detections if found.track_id)
        self.size = (answer.width, answer.height)
        for timing in answer.timing.models:
            self.model = timing.model
            self.compute_us += timing.compute_us
