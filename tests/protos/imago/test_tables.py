from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table

from imago import tables
from imago.sightings import Sighting, VideoSummary
from imago.v1.detector_pb2 import DetectFacesResponse, DetectResponse, DetectStreamResponse
from imago.v1.gateway_pb2 import (
    PART_KIND_ATTRIBUTES,
    PART_KIND_FACES,
    AnalyzeResponse,
    ListModelsResponse,
    ModelInfo,
    Part,
    PartResult,
    PartStatus,
    ServiceStatus,
    SystemStatusResponse,
)
from imago.v1.generator_pb2 import (
    LATENT_DISTRIBUTION_UNIFORM,
    DescribeModelsResponse,
    GeneratedImage,
    GeneratorModel,
    LatentSpace,
)
from imago.v1.image_pb2 import Alert, Detection, ModelTiming, Timing

PHOTOGRAPH = Path("/home/somebody/photographs/2026/summer in the mountains/IMG_20260712_184523.jpg")
ADDRESS = "recognizer-headless.imago.svc.cluster.local:8001"
LICENCE = "Intel License Agreement for Open Source Computer Vision Library (cascade), Apache-2.0 (OpenCV)"


def timing(*models: str, compute_us: int = 12_345_678) -> Timing:
    return Timing(models=[ModelTiming(model=name, queue_us=99_949, compute_us=compute_us) for name in models])


FACES = DetectFacesResponse(width=10_000, height=10_000, timing=timing("face_mmod", "face_landmarks"))


def lines(table: Table, width: int = 80) -> list[str]:
    """What a terminal of this width shows."""
    output = StringIO()
    Console(file=output, width=width).print(table)
    return output.getvalue().splitlines()


def words(shown: list[str]) -> set[str]:
    return {word for line in shown for word in line.split()}


def test_names_stay_whole_in_a_window_of_80_columns_and_a_long_path_is_folded_but_not_cut() -> None:
    shown = lines(tables.faces_by_file([(PHOTOGRAPH, FACES)]))
    assert {"face_mmod", "face_landmarks", "10000×10000", "24.7", "200"} <= words(shown)
    path = "".join(line[:20].replace(" ", "") for line in shown[1:])
    assert path == str(PHOTOGRAPH).replace(" ", "")


def found(*labels: str) -> DetectResponse:
    return DetectResponse(
        detections=[Detection(label=label) for label in labels], width=1280, height=720, timing=timing("mask_detector")
    )


def test_objects_are_counted_by_label_the_most_frequent_first() -> None:
    answers = [(Path("a.jpg"), found("without_mask", "with_mask", "with_mask")), (Path("b.jpg"), found())]
    shown = lines(tables.objects_by_file(answers), width=120)
    assert "2 with_mask, 1 without_mask" in shown[1]
    assert shown[2].split()[:3] == ["b.jpg", "1280×720", "nothing"]


def test_a_video_is_added_up() -> None:
    summary = VideoSummary(PHOTOGRAPH)
    for index in range(4):
        seen = [Detection(label="with_mask", track_id=7), Detection(label="with_mask", track_id=7 + index)]
        answer = DetectStreamResponse(
            frame_index=2 * index, detections=seen, alerts=[Alert()] if index == 2 else [], dropped_frames=1,
            timing=timing("mask_detector", compute_us=8_000), width=1280, height=720,
        )  # fmt: skip
        summary.add(Sighting(answer, index * 40_000))
    (row,) = [line.split() for line in lines(tables.videos([summary]), width=160)[1:]]
    assert row[-8:] == ["1280×720", "4", "4", "4", "1", "mask_detector", "8.0", "ms"]
    assert words(lines(tables.videos([summary]))) >= {"mask_detector", "1280×720"}


def test_parts_fit_into_80_columns_with_the_longest_names() -> None:
    answer = AnalyzeResponse(
        parts=[
            PartResult(part=Part(kind=PART_KIND_FACES), service="detector", faces=FACES, elapsed_us=12_345_678),
            PartResult(
                part=Part(kind=PART_KIND_ATTRIBUTES, model="face_attributes"),
                service="recognizer",
                status=PartStatus(code=4, name="DEADLINE_EXCEEDED", message="too late."),
                elapsed_us=999_499,
            ),
        ]
    )
    shown = lines(tables.parts(answer))
    assert {"faces", "detector", "face_mmod", "face_landmarks", "24.7", "12.3"} <= words(shown)
    assert shown[-1].split() == ["attributes", "recognizer", "failed", "face_attributes", "999", "ms"]
    assert tables.failures(answer) == ["attributes: DEADLINE_EXCEEDED: too late."]


def test_what_was_made_is_told_whole_in_80_columns() -> None:
    latest = 2**64 - 1
    images = [GeneratedImage(seed=latest, index=index, label="apple_braeburn") for index in range(3)]
    images += [GeneratedImage(seed=1, index=7, label="pear"), GeneratedImage(label="pear")]
    shown = lines(
        tables.generated(PHOTOGRAPH, images, (256, 256), timing("dcgan_hardhat_tricks", "dcgan_hardhat_tricks"))
    )
    path = "".join(line.removeprefix("file").strip() for line in shown[:2])
    assert path.replace(" ", "") == str(PHOTOGRAPH).replace(" ", "")
    assert [line.split() for line in shown[-6:-2]] == [
        ["images", "5", "of", "256×256"],
        ["model", "dcgan_hardhat_tricks"],
        ["seed", f"{latest},", "images", "0-2"],
        ["1,", "image", "7"],
    ]
    assert shown[-2].split() == ["shown", "3", "apple_braeburn,", "2", "pear"]


def test_generators_keep_their_names_and_fold_their_classes() -> None:
    space = LatentSpace(dimensions=[125], distribution=LATENT_DISTRIBUTION_UNIFORM)
    model = GeneratorModel(
        name="construction_tricks", version="12", spaces=[space], width=256, height=256,
        labels=[f"class_{number}" for number in range(12)], description="People with hard hats on construction sites.",
    )  # fmt: skip
    shown = words(lines(tables.generators(DescribeModelsResponse(models=[model]))))
    assert {"construction_tricks", "12", "256×256", "125", "uniform"} <= shown


def test_models_keep_their_names_and_fold_their_licences_and_reasons() -> None:
    models = [
        ModelInfo(
            service="detector", name="face_landmarks", version="1", task="face-landmarks", reason="out of memory"
        ),
        ModelInfo(service="recognizer", name="face_haar", version="1", licence=LICENCE, ready=True),
    ]
    shown = words(lines(tables.models(ListModelsResponse(models=models))))
    assert {"face_landmarks", "face-landmarks", "recognizer", "face_haar", "ready", "memory"} <= shown
    assert {word for word in LICENCE.split() if len(word) < 9} <= shown


def test_a_long_address_is_folded_but_not_cut() -> None:
    services = [ServiceStatus(service="recognizer", address=ADDRESS, reason=f"recognizer at {ADDRESS} is not ready.")]
    shown = lines(tables.services(SystemStatusResponse(services=services)))
    start = shown[0].index("address")
    assert "".join(line[start : shown[0].index("state")].strip() for line in shown[1:]) == ADDRESS


@pytest.mark.parametrize(
    ("us", "shown"), [(0, "0.0 ms"), (99_949, "99.9 ms"), (99_950, "100 ms"), (999_499, "999 ms"), (999_500, "1.0 s")]
)
def test_durations_are_short_at_every_size(us: int, shown: str) -> None:
    answer = SystemStatusResponse(services=[ServiceStatus(service="detector", serving=True, elapsed_us=us)])
    assert lines(tables.services(answer))[1].endswith(shown)
