"""Where pictures are written is known, and safe, before anything is sent."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imago.outputs import Job, OutputError, copy_suffixes, expand, plan


def test_without_an_output_nothing_is_written() -> None:
    assert plan([Path("a.jpg")], None) == [Job(Path("a.jpg"), "a", None)]


def test_one_photo_can_become_one_picture(tmp_path: Path) -> None:
    assert plan([Path("a.jpg")], tmp_path / "b.PNG")[0].copy == tmp_path / "b.PNG"


def test_the_folder_of_one_picture_is_made_too(tmp_path: Path) -> None:
    plan([Path("a.jpg")], tmp_path / "deep" / "out" / "b.jpg")
    assert (tmp_path / "deep" / "out").is_dir()


def test_many_photos_become_pictures_in_a_folder_that_is_made(tmp_path: Path) -> None:
    jobs = plan([Path("a.jpg"), Path("b.webp")], tmp_path / "deep" / "out")
    assert [job.copy for job in jobs] == [tmp_path / "deep/out/a.jpg", tmp_path / "deep/out/b.jpg"]
    assert (tmp_path / "deep" / "out").is_dir()


def test_a_folder_whose_name_looks_like_a_file_is_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "2024.jpg"
    folder.mkdir()
    assert plan([Path("a.jpg")], folder)[0].copy == folder / "a.jpg"


def test_photos_of_the_same_name_do_not_overwrite_each_other(tmp_path: Path) -> None:
    sources = [Path("x/a.jpg"), Path("y/a.jpg"), Path("a.png"), Path("a-2.jpg")]
    assert [job.name for job in plan(sources, tmp_path)] == ["a", "a-2", "a-3", "a-2-2"]


@given(st.lists(st.from_regex(r"(x/)?a(-[23])?\.(jpg|png)", fullmatch=True)))
def test_names_are_unique(sources: list[str]) -> None:
    names = [job.name for job in plan([Path(source) for source in sources], None)]
    assert len(set(names)) == len(sources)


def test_a_format_that_is_not_drawn_is_refused() -> None:
    with pytest.raises(OutputError, match=r"out\.gif cannot be drawn: its name must end with \.jpg"):
        plan([Path("a.jpg")], Path("out.gif"))


def test_one_picture_for_many_photos_is_refused() -> None:
    with pytest.raises(OutputError, match=r"out\.jpg is one file, and 2 are to be drawn: give a folder"):
        plan([Path("a.jpg"), Path("b.jpg")], Path("out.jpg"))


def test_a_photo_is_never_overwritten(photo: Path) -> None:
    with pytest.raises(OutputError, match="is one of the files to read"):
        plan([photo], photo)
    with pytest.raises(OutputError, match="is one of the files to read"):
        plan([photo], photo.parent)


def test_videos_become_videos_beside_pictures(tmp_path: Path) -> None:
    sources = [Path("a.jpg"), Path("a.mp4"), Path("b.MOV")]
    copies = [job.copy for job in plan(sources, tmp_path, copy_suffixes)]
    assert copies == [tmp_path / "a.jpg", tmp_path / "a-2.webm", tmp_path / "b.webm"]


@pytest.mark.parametrize(("source", "output"), [("a.webm", "out.jpg"), ("a.jpg", "out.webm"), ("a.webm", "out.avi")])
def test_a_video_does_not_become_a_picture_nor_a_picture_a_video(source: str, output: str) -> None:
    with pytest.raises(OutputError, match=f"{output} cannot be drawn"):
        plan([Path(source)], Path(output), copy_suffixes)


def test_a_folder_means_its_files_of_these_kinds_by_name(tmp_path: Path) -> None:
    for name in ("b.jpg", "a.PNG", "notes.txt", "c.webm"):
        (tmp_path / name).touch()
    (tmp_path / "folder.jpg").mkdir()
    single = tmp_path / "notes.txt"
    assert expand([single, tmp_path], [".jpg", ".png"]) == [single, tmp_path / "a.PNG", tmp_path / "b.jpg"]


def test_a_folder_without_such_a_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=rf"{tmp_path} holds no file that ends with \.jpg, \.png\."):
        expand([tmp_path], [".jpg", ".png"])
