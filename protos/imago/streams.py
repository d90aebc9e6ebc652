"""Sends the frames of a video in a thread of their own while the answers to earlier ones are read.

Knows how frames travel and when the next may; nothing of what is found in them.
"""

import threading
from collections.abc import Iterable, Iterator
from itertools import chain
from queue import SimpleQueue
from time import monotonic

import grpc

from imago.images import ImageInput, to_image
from imago.v1.detector_pb2 import DetectStreamRequest, DetectStreamResponse, DetectStreamStart, VideoFrame

# What DetectStream never drops anything of: one frame is analysed, one waits.
UNANSWERED = 2

FrameInput = ImageInput | VideoFrame


def exchange(
    rpc: "grpc.StreamStreamMultiCallable[DetectStreamRequest, DetectStreamResponse]",
    start: DetectStreamStart,
    frames: Iterable[FrameInput],
    *,
    most_unanswered: int,
    timeout_s: float | None,
) -> Iterator[DetectStreamResponse]:
    """The answers, as they come. The call begins with the first that is asked for and ends with the generator.

    Raises:
        grpc.RpcError: The call failed.
        Exception: What `frames` raised; first everything that was sent is answered.
    """
    feed = _Feed(frames, most_unanswered)
    call = rpc(feed.requests(start), timeout=timeout_s)
    feed.start()
    try:
        for answer in call:
            feed.answered(1 + answer.dropped_frames)
            yield answer
    finally:
        call.cancel()  # type: ignore[no-untyped-call] # its stub has no types
        feed.stop()
    if feed.failure is not None:
        raise feed.failure


class _Feed(threading.Thread):
    """Takes frames as long as there is room for more unanswered ones."""

    def __init__(self, frames: Iterable[FrameInput], most_unanswered: int) -> None:
        super().__init__(name="imago-frames", daemon=True)
        self.failure: Exception | None = None
        self._frames = frames
        self._room = threading.Semaphore(most_unanswered)
        self._ready: SimpleQueue[DetectStreamRequest | None] = SimpleQueue()
        self._stopped = False

    def requests(self, start: DetectStreamStart) -> Iterator[DetectStreamRequest]:
        """What gRPC sends; it waits for frames in a thread of gRPC's."""
        return chain([DetectStreamRequest(start=start)], iter(self._ready.get, None))

    def answered(self, frames: int) -> None:
        """So many frames have been answered or dropped."""
        self._room.release(frames)

    def stop(self) -> None:
        """Takes no further frame; afterwards nobody uses `frames` any more."""
        self._stopped = True
        self._room.release()
        self._ready.put(None)
        self.join()

    def run(self) -> None:
        begun = monotonic()
        try:
            # A frame is prepared before there is room for it, so that it is ready when there is.
            for frame in self._frames:
                request = DetectStreamRequest(frame=_video_frame(frame, begun))
                self._room.acquire()
                if self._stopped:
                    break
                self._ready.put(request)
        except Exception as error:  # raised where the answers are read
            self.failure = error
        finally:
            self._ready.put(None)


def _video_frame(frame: FrameInput, begun: float) -> VideoFrame:
    """A picture by itself was taken now."""
    if isinstance(frame, VideoFrame):
        return frame
    return VideoFrame(image=to_image(frame), time_us=round((monotonic() - begun) * 1e6))
