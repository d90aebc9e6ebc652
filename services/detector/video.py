"""Answers DetectStream: what one video has shown so far, and what its next frame adds.

Everything that a candidate's score allows is kept for the tracker, which decides what becomes of unsure ones.
"""

import asyncio
from dataclasses import dataclass, replace

from imago.v1 import detector_pb2
from services.detector.alerts import AlertRules, Alerts, Offence
from services.detector.frames import Frame
from services.detector.objects import IOU_THRESHOLD, ObjectFinder, ObjectModel, add_detections, read_least_score
from services.detector.pipeline import Choice, LetterboxedImage, Objects
from services.detector.tracking import LEAST_SCORE, Tracker
from services.runtime.errors import InvalidInput
from services.runtime.typed import TypedCall, check_range

MOST_TRACKED = 300
FRAMES_UNLESS_SAID, MOST_FRAMES, MOST_MS = 5, 1000, 3_600_000


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """A checked start: what is looked for, the score of a confident detection, and what raises alerts."""

    choice: Choice
    least_score: float
    alerts: AlertRules


def read_start_options(start: detector_pb2.DetectStreamStart, model: ObjectModel) -> StreamOptions:
    """Check a stream's start against the ranges of the contract and the model's labels.

    Raises:
        InvalidInput: a field out of range, or an unknown label, named with its value.
    """
    least_score = read_least_score(start, model)
    if start.alert_after_frames:
        check_range("alert_after_frames", start.alert_after_frames, 1, MOST_FRAMES)
    check_range("alert_after_ms", start.alert_after_ms, 0, MOST_MS)
    followed = model.indices(start.labels, "labels")
    alerting = model.indices(start.alert_labels, "alert_labels")
    for index in alerting:
        if followed and index not in followed:
            raise InvalidInput(
                f"alert_labels has '{model.labels[index]}', which labels leaves out", field="alert_labels"
            )
    rules = AlertRules(
        labels=tuple(model.labels[index] for index in alerting),
        frames=start.alert_after_frames or FRAMES_UNLESS_SAID,
        time_us=start.alert_after_ms * 1000,
    )
    # Of two labels of one thing a tracker would make two things.
    choice = Choice(min(LEAST_SCORE, least_score), IOU_THRESHOLD, MOST_TRACKED, followed, one_label=True)
    return StreamOptions(choice, least_score, rules)


class Video:
    """One stream: who has been seen in it, and what they have shown."""

    def __init__(self, finder: ObjectFinder, model: ObjectModel, options: StreamOptions) -> None:
        self._finder = finder
        self._model = model
        self._options = options
        self._size = (0, 0)
        self._tracker = Tracker(options.least_score)
        self._alerts = Alerts(options.alerts)

    async def answer(self, frame: Frame, call: TypedCall) -> detector_pb2.DetectStreamResponse:
        """What a frame shows, after all frames before it.

        Raises:
            InvalidInput: the frame cannot be decoded; the sentence has its index.
        """
        try:
            found, image = await self._finder.find(frame.image, self._model, self._options.choice, call)
        except InvalidInput as error:
            raise InvalidInput(f"frame {frame.index}: {error}", field=f"frame.{error.field}") from None
        tracked, offences = await asyncio.to_thread(self._follow, found, image, frame.time_us)
        response = detector_pb2.DetectStreamResponse(
            frame_index=frame.index, dropped_frames=frame.dropped, width=image.width, height=image.height
        )
        add_detections(response.detections, tracked, self._model)
        for offence in offences:
            response.alerts.add(
                kind=offence.kind, message=offence.message, track_id=offence.track_id, frame_index=frame.index
            )
        response.timing.CopyFrom(call.timing())
        return response

    def _follow(self, found: Objects, image: LetterboxedImage, time_us: int) -> tuple[Objects, list[Offence]]:
        if (image.width, image.height) != self._size:  # positions mean something else now
            self._size = (image.width, image.height)
            self._tracker.forget()
        track_ids = self._tracker.follow(found.boxes, found.scores, time_us)
        self._alerts.keep(self._tracker.ids)
        tracked = replace(found, track_ids=track_ids).where(track_ids > 0)
        shown = zip(tracked.track_ids.tolist(), (self._model.labels[label] for label in tracked.labels), strict=True)
        return tracked, self._alerts.hear(shown, time_us)
