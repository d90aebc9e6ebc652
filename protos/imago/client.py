"""The typed client: one method for each RPC that people call, pictures in, the contract's own messages out.

Answers are the protobuf messages themselves: they are typed, their comments are their documentation, they print and
turn into JSON, and there is no second vocabulary to keep in step. How calls travel is `channel.py`'s; an aio client can
stand beside this one on the same parts.
"""

from collections.abc import Generator, Iterable, Sequence
from typing import Unpack

from imago import streams
from imago.connection import fill
from imago.images import ImageInput, to_image
from imago.options import DetectOptions, FaceOptions, GenerateOptions, InterpolateOptions, StreamOptions
from imago.streams import FrameInput
from imago.translator_calls import TranslatorCalls
from imago.v1.detector_pb2 import (
    DetectFacesRequest,
    DetectFacesResponse,
    DetectRequest,
    DetectResponse,
    DetectStreamResponse,
    DetectStreamStart,
)
from imago.v1.detector_pb2_grpc import DetectorServiceStub
from imago.v1.gateway_pb2 import (
    AnalyzeRequest,
    AnalyzeResponse,
    ListModelsRequest,
    ListModelsResponse,
    Part,
    PartKind,
    SystemStatusRequest,
    SystemStatusResponse,
)
from imago.v1.gateway_pb2_grpc import GatewayServiceStub
from imago.v1.generator_pb2 import (
    DescribeModelsRequest,
    DescribeModelsResponse,
    GenerateRequest,
    GenerateResponse,
    InterpolateRequest,
    InterpolateResponse,
    InterpolationStop,
    LatentVector,
)
from imago.v1.generator_pb2_grpc import GeneratorServiceStub

DEFAULT_SERVER = "127.0.0.1:8081"
# The slowest detector needs about 25 s for a photograph that is doubled once.
DEFAULT_TIMEOUT_S = 60.0

PART_KINDS = {
    name.removeprefix("PART_KIND_").lower(): value for name, value in PartKind.items() if value
}  # "faces": PART_KIND_FACES, ...

StopInput = int | LatentVector | InterpolationStop
"""A stop of a way: a seed, a latent vector, or the message itself, which may also name a class."""


def part(name: str) -> Part:
    """The Part for "faces", or for "faces:face_mmod" with a model.

    Raises:
        ValueError: There is no such kind of part; the message lists those there are.
    """
    kind, _, model = name.partition(":")
    if kind not in PART_KINDS:
        raise ValueError(f"There is no part {kind}; the parts are {', '.join(PART_KINDS)}.")
    return Part(kind=PART_KINDS[kind], model=model)


class Imago(TranslatorCalls):
    """A connection to an Imago gateway, or to one service by itself; safe to share between threads.

        with Imago("127.0.0.1:8081") as imago:
            for face in imago.detect_faces("photo.jpg", model="face_mmod").detections:
                print(face.box, face.score)

    Every call ends within `timeout_s`, retries included, and fails with an `errors.ImagoClientError`; only a stream
    lasts as long as its frames do.

    Args:
        server: `HOST:PORT`. A name is balanced over all its addresses.
        timeout_s: Most seconds that a call may take; a call's own `timeout_s` overrides it.
    """

    def __init__(self, server: str = DEFAULT_SERVER, *, timeout_s: float = DEFAULT_TIMEOUT_S) -> None:
        super().__init__(server, timeout_s=timeout_s)
        self._detector = DetectorServiceStub(self._channel)
        self._gateway = GatewayServiceStub(self._channel)
        self._generator = GeneratorServiceStub(self._channel)

    def detect(
        self, image: ImageInput, *, timeout_s: float | None = None, **options: Unpack[DetectOptions]
    ) -> DetectResponse:
        """The objects in a picture, e.g. faces with and without masks, best first, in pixels of the upright original.

        `options` are the other fields of DetectRequest.
        """
        request = DetectRequest(image=to_image(image))
        fill(request, options)
        return self._call(self._detector.Detect, request, timeout_s)

    def detect_stream(
        self,
        frames: Iterable[FrameInput],
        *,
        most_unanswered: int = streams.UNANSWERED,
        timeout_s: float | None = None,
        **options: Unpack[StreamOptions],
    ) -> Generator[DetectStreamResponse, None, None]:
        """The objects in the frames of a video, followed from frame to frame, with alerts; an answer for each frame.

            for answer in imago.detect_stream(frames, alert_labels=["without_mask"]):
                print(answer.frame_index, [found.track_id for found in answer.detections], answer.alerts)

        Args:
            frames: Pictures, which count as taken when they are sent, or VideoFrame messages with a time of their own.
                They are taken in another thread until the answers end or are not asked for any more (`close()`); what
                they raise is raised here.
            most_unanswered: How many frames may be on their way at once, 1 or more. With up to two, the next is sent
                when there is an answer, and none is dropped; with more, frames are sent as they come, and the server
                drops (and counts in `dropped_frames`) what it has no time for.
            timeout_s: Most seconds for the whole video; None: as long as it lasts.
            options: The fields of DetectStreamStart.
        """
        if most_unanswered < 1:
            raise ValueError(f"most_unanswered is {most_unanswered}; it must be 1 or more.")
        start = DetectStreamStart()
        fill(start, options)
        answers = streams.exchange(
            self._detector.DetectStream, start, frames, most_unanswered=most_unanswered, timeout_s=timeout_s
        )
        return self._answers(answers, timeout_s)

    def detect_faces(
        self, image: ImageInput, *, timeout_s: float | None = None, **options: Unpack[FaceOptions]
    ) -> DetectFacesResponse:
        """The faces in a picture, best first, in pixels of the upright original."""
        request = DetectFacesRequest(image=to_image(image))
        fill(request, options)
        return self._call(self._detector.DetectFaces, request, timeout_s)

    def generate(self, *, timeout_s: float | None = None, **options: Unpack[GenerateOptions]) -> GenerateResponse:
        """Images that never were, each with the latent vector and the seed that it comes from.

            for image in imago.generate(model="digits", count=16, seed=7).images:
                to_pillow(image.image).save(f"fruit-{image.index}.png")

        `options` are the fields of GenerateRequest; `images.to_pillow` opens what comes.
        """
        request = GenerateRequest()
        fill(request, options)
        return self._call(self._generator.Generate, request, timeout_s)

    def interpolate(
        self,
        stops: Iterable[StopInput],
        *,
        timeout_s: float | None = None,
        **options: Unpack[InterpolateOptions],
    ) -> Generator[InterpolateResponse, None, None]:
        """The images on the way from stop to stop, each as soon as it is ready; closing it ends the call.

        Args:
            stops: At least two.
            timeout_s: Most seconds for the whole way; None: as long as it lasts.
            options: The other fields of InterpolateRequest.
        """
        request = InterpolateRequest()
        fill(request, {"stops": [_stop(stop) for stop in stops], **options})
        return self._stream(self._generator.Interpolate, request, timeout_s)

    def describe_generators(
        self, model: str = "", version: str = "", *, timeout_s: float | None = None
    ) -> DescribeModelsResponse:
        """What can be asked of `generate`: latent spaces, classes and sizes of one model, or of all."""
        request = DescribeModelsRequest(model=model, version=version)
        return self._call(self._generator.DescribeModels, request, timeout_s)

    def analyze(
        self,
        image: ImageInput,
        *,
        parts: Sequence[Part | str] = (),
        tenant: str = "",
        timeout_s: float | None = None,
    ) -> AnalyzeResponse:
        """What many services find in one picture, asked at once; each part carries its own status.

        Args:
            image: See `images.to_image`.
            parts: What to find out, as messages or as in `part`; none: all that the server offers.
            tenant: Whose gallery people are looked up in.
            timeout_s: Overrides the client's.
        """
        wanted = [part(one) if isinstance(one, str) else one for one in parts]
        request = AnalyzeRequest(image=to_image(image), parts=wanted, tenant=tenant)
        return self._call(self._gateway.Analyze, request, timeout_s)

    def models(self, *, timeout_s: float | None = None) -> ListModelsResponse:
        """The models of all services that can be reached."""
        return self._call(self._gateway.ListModels, ListModelsRequest(), timeout_s)

    def status(self, *, timeout_s: float | None = None) -> SystemStatusResponse:
        """How each service behind the gateway is."""
        return self._call(self._gateway.SystemStatus, SystemStatusRequest(), timeout_s)


def _stop(stop: StopInput) -> InterpolationStop | dict[str, int | LatentVector]:
    """The message, or what it can be made of."""
    if isinstance(stop, InterpolationStop):
        return stop
    return {"latent": stop} if isinstance(stop, LatentVector) else {"seed": stop}
