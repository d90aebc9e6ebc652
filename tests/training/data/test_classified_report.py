"""`python -m training report` tells what is in a set of images with classes before anyone trains on it."""

import csv
from pathlib import Path

import cv2

from tests.training.conftest import Command
from tests.training.data.class_sets import digits, picture, table


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_classes_splits_faults_and_pictures_are_told(tmp_path: Path, command: Command) -> None:
    for split, count in (("Training", 6), ("Test", 2)):
        for number in range(count):
            picture(tmp_path / "set" / split / "Banana" / f"{number}.jpg")
    picture(tmp_path / "set" / "Training" / "Kiwi" / "0.jpg")
    (tmp_path / "set" / "Training" / "Kiwi" / "1.jpg").write_bytes(b"broken")
    code, shown, _ = command("report", tmp_path / "set", "--into", tmp_path / "report")
    assert code == 0
    assert "9 images, 2 classes; 1 faults\nmost frequent sizes: 9 of 20x30" in shown
    banana, kiwi = rows(tmp_path / "report" / "balance.csv")
    assert (banana["label"], banana["images"], banana["train"], banana["test"]) == ("Banana", "8", "6", "2")
    assert (kiwi["label"], kiwi["images"], kiwi["share"]) == ("Kiwi", "1", str(1 / 9))
    assert [Path(row["file"]).name for row in rows(tmp_path / "report" / "faults.csv")] == ["1.jpg"]
    assert cv2.imread(str(tmp_path / "report" / "contact-sheet.png")) is not None


def test_a_table_of_digits_is_reported_too_and_only_the_classes_named(tmp_path: Path, command: Command) -> None:
    (tmp_path / "train.csv").write_text(table(digits(6), [1, 1, 1, 2, 2, 3]))
    arguments = ("report", tmp_path / "train.csv", "--into", tmp_path / "report", "--classes", "1,3")
    assert command(*arguments)[0] == 0
    assert [(row["label"], row["images"]) for row in rows(tmp_path / "report" / "balance.csv")] == [
        ("1", "3"),
        ("3", "1"),
    ]


def test_a_folder_without_any_set_is_one_sentence(tmp_path: Path, command: Command) -> None:
    code, shown, complaint = command("report", tmp_path)
    assert (code, shown) == (1, "")
    assert complaint.startswith(f"error: {tmp_path}: no set of images: ")
