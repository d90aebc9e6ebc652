"""Videos are read to their ends, whatever these are, and written so that others can read them."""

import io
import os
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from imago.video import CODECS, USUAL_RATE, Camera, Frame, VideoError, VideoReader, VideoWriter, to_jpeg
from tests.protos.imago.clips import RATE, jpegs, picture, shapes, truncate, write_clip


def read(path: Path) -> tuple[list[Frame], str]:
    with closing(VideoReader(path)) as video:
        return list(video), video.shortfall()


@pytest.mark.parametrize(("name", "codec"), [("a.webm", "VP90"), ("a.mp4", "mp4v"), ("a.avi", "MJPG")])
def test_every_frame_of_a_video_is_read_with_its_time(tmp_path: Path, name: str, codec: str) -> None:
    path = write_clip(tmp_path / name, codec=codec)
    with closing(VideoReader(path)) as video:
        assert (video.rate, video.count) == (RATE, 10)
    frames, shortfall = read(path)
    assert [frame.time_us for frame in frames] == [number * 40_000 for number in range(10)]
    assert shortfall == ""
    # The codecs lose a little; the colours are smooth.
    assert np.abs(frames[3].pixels.astype(int) - picture(3)).mean() < 4


def test_a_video_that_ends_mid_frame_is_read_to_there_and_says_so(tmp_path: Path) -> None:
    path = truncate(write_clip(tmp_path / "clip.webm", frames=60), 0.5)
    frames, shortfall = read(path)
    assert 2 < len(frames) < 58
    assert shortfall == (
        f"{path} is cut off or damaged: after {len(frames)} frames it ends at "
        f"{frames[-1].time_us / 1e6:.1f} s of 2.4 s."
    )


@pytest.mark.parametrize("content", [b"", b"no video at all", b"\x1aE\xdf\xa3" + bytes(100)])
def test_a_file_that_is_no_video_is_one_sentence(
    tmp_path: Path, content: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x.webm"
    path.write_bytes(content)
    with pytest.raises(VideoError, match=rf"^{path} cannot be read as a video\.$"):
        VideoReader(path)
    assert capfd.readouterr() == ("", "")


def test_a_video_whose_index_is_missing_is_one_sentence(tmp_path: Path) -> None:
    path = truncate(write_clip(tmp_path / "clip.mp4", codec="mp4v"), 0.9)
    with pytest.raises(VideoError, match="cannot be read as a video"):
        VideoReader(path)


def test_a_video_without_a_frame_says_so(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.avi", codec="MJPG")
    path.write_bytes(path.read_bytes()[:5700])  # the header and a little
    frames, shortfall = read(path)
    assert not frames
    assert shortfall == f"{path} holds no frame that can be read."


def test_a_missing_file_is_told_from_a_broken_one(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        VideoReader(tmp_path / "missing.webm")


def test_a_stream_that_announces_nothing_is_whole_where_it_ends(tmp_path: Path) -> None:
    path = tmp_path / "a.mjpeg"
    path.write_bytes(jpegs(*[(64, 48)] * 5))
    frames, shortfall = read(path)
    assert (len(frames), shortfall) == (5, "")


def test_frames_that_change_their_size_are_all_read(tmp_path: Path) -> None:
    path = tmp_path / "a.mjpeg"
    path.write_bytes(jpegs(*[(64, 48)] * 3, *[(32, 32)] * 3))
    frames, _ = read(path)
    assert len(frames) == 6


@pytest.mark.parametrize("suffix", CODECS)
@pytest.mark.parametrize("size", [(64, 48), (65, 49)], ids=["even", "odd"])
def test_a_written_video_can_be_read(tmp_path: Path, suffix: str, size: tuple[int, int]) -> None:
    path = tmp_path / f"out{suffix}"
    with closing(VideoWriter(path, RATE)) as video:
        for number in range(8):
            video.write(picture(number, size))
    frames, shortfall = read(path)
    assert (len(frames), shortfall) == (8, "")
    assert frames[0].pixels.shape == (48, 64, 3)
    assert np.abs(frames[5].pixels.astype(int) - picture(5, size)[:48, :64]).mean() < 4


def test_webm_is_written_in_vp9(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with closing(VideoWriter(tmp_path / "out.webm", RATE)) as video:
        video.write(picture(0))
    capture = cv2.VideoCapture(str(tmp_path / "out.webm"))
    assert int(capture.get(cv2.CAP_PROP_FOURCC)).to_bytes(4, "little") == b"VP90"
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("size", "lit"),
    [((32, 24), (slice(0, 48), slice(0, 64))), ((48, 96), (slice(0, 48), slice(20, 44)))],
    ids=["smaller", "of another shape"],
)
def test_a_frame_of_another_size_is_fitted_into_the_first(
    tmp_path: Path, size: tuple[int, int], lit: tuple[slice, slice]
) -> None:
    path = tmp_path / "out.mp4"
    with closing(VideoWriter(path, RATE)) as video:
        video.write(picture(0))
        video.write(np.full((size[1], size[0], 3), 200, np.uint8))
    assert shapes(path) == [(64, 48)] * 2
    frames, _ = read(path)
    light = frames[1].pixels.astype(int).mean(axis=2)
    dark = np.ones_like(light, bool)
    dark[lit] = False
    assert abs(light[lit].mean() - 200) < 10
    assert not dark.any() or light[dark].mean() < 20


def test_frames_that_come_unevenly_are_repeated_and_left_out_so_that_time_stays_true(tmp_path: Path) -> None:
    with closing(VideoWriter(tmp_path / "out.mp4", RATE)) as video:
        for time_us in (0, 200_000, 210_000, 400_000):
            video.write_until(picture(0), time_us)
    # 0.4 s at 25 frames a second, and the frame at its end.
    assert len(shapes(tmp_path / "out.mp4")) == 11


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "missing" / "out.webm"
    with closing(VideoWriter(path, RATE)) as video, pytest.raises(VideoError, match=f"^{path} cannot be written"):
        video.write(picture(0))
    assert capfd.readouterr().err == ""


def test_a_camera_that_is_not_there_is_named(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(VideoError, match="Camera 99 cannot be opened"):
        Camera("99")
    assert capfd.readouterr().err == ""


@pytest.fixture
def endless(tmp_path: Path) -> Iterator[Path]:
    """A camera that gives frames as long as somebody looks: a pipe."""
    path = tmp_path / "camera.mjpeg"
    os.mkfifo(path)

    def feed() -> None:
        with path.open("wb", buffering=0) as pipe:
            try:
                while True:
                    pipe.write(jpegs((64, 48)))
            except BrokenPipeError:
                pass

    feeding = threading.Thread(target=feed)
    feeding.start()
    yield path
    feeding.join()


def test_a_camera_gives_frames_with_the_time_that_passes_until_it_is_stopped(endless: Path) -> None:
    with closing(Camera(str(endless))) as camera:
        times = []
        for frame in camera:
            times.append(frame.time_us)
            if len(times) == 5:
                camera.stop()
        assert camera.shortfall() == ""
    assert len(times) == 5
    assert times == sorted(times)


def test_a_camera_that_ends_by_itself_says_so(tmp_path: Path) -> None:
    path = tmp_path / "a.mjpeg"
    path.write_bytes(jpegs(*[(64, 48)] * 5))
    with closing(Camera(str(path))) as camera:
        assert len(list(camera)) == 5
        assert camera.shortfall() == f"Camera {path} gives no more frames."


def test_a_rate_that_no_screen_shows_becomes_the_usual_one_and_nothing_is_missed(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.mp4", codec="mp4v", rate=1000)
    with closing(VideoReader(path)) as video:
        assert video.rate == USUAL_RATE
        assert len(list(video)) == 10
        assert video.shortfall() == ""


def test_frames_travel_as_jpeg_in_the_order_of_the_decoder() -> None:
    blue = np.zeros((16, 16, 3), np.uint8)
    blue[:, :, 0] = 255
    assert len(to_jpeg(picture(0), 10)) < len(to_jpeg(picture(0), 95))
    pixels = np.asarray(Image.open(io.BytesIO(to_jpeg(blue, 95))))
    assert pixels[8, 8, 2] > 240
    assert pixels[8, 8, 0] < 15
