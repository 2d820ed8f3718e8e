"""Questions and pictures from files, good and bad; each bad one is named."""

import gzip
import json
import zipfile

import numpy as np
import pytest
from PIL import Image

from trivium.service.errors import InputError, NotFoundError
from trivium.vision.question_files import Asked, Pictures, read_questions


@pytest.fixture
def folder(tmp_path):
    picture = np.full((64, 64, 3), 240, np.uint8)
    picture[10:20, 30:50] = (255, 0, 0)
    (tmp_path / "below").mkdir()
    Image.fromarray(picture).save(tmp_path / "below" / "7.png")
    (tmp_path / "8.png").write_bytes(b"no picture")
    return tmp_path


def test_rows_with_and_without_answers_are_read_also_from_gzip(tmp_path):
    path = tmp_path / "questions.json.gz"
    rows = [["what color is the shape?", "红色", 7], ["图中有圆形吗？", None, "8"], ["is there a circle?", 9]]
    path.write_bytes(gzip.compress(json.dumps(rows).encode()))
    assert read_questions(path) == [
        Asked("what color is the shape?", 7, "red"),
        Asked("图中有圆形吗？", "8", None),
        Asked("is there a circle?", 9, None),
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[", "is not JSON"),
        ("{}", "holds no list"),
        ('[["a?", "yes", 1], ["b?"]]', "row 2 is no question"),
        ('[["", "yes", 1]]', "row 1 has no text"),
        ('[["a?", "purple", 1]]', "row 1 has the answer 'purple'"),
        ('[["a?", "yes", null]]', "row 1 has no image id"),
    ],
)
def test_a_bad_file_is_named_with_its_row(tmp_path, content, message):
    path = tmp_path / "q.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=message) as caught:
        read_questions(path)
    assert caught.value.where == str(path)


def test_a_bad_row_is_returned_with_what_is_wrong_where_others_are_good(tmp_path):
    path = tmp_path / "q.json"
    path.write_text('[["a?", "yes", 1], ["", "yes", 1], ["b?"], ["c?", "purple", 2], ["d?", null, true]]', "utf-8")
    asked = read_questions(path, is_strict=False)
    assert [(one.can_be_answered, one.problem[:5]) for one in asked] == [
        (True, ""), (False, "row 2"), (False, "row 3"), (True, "row 4"), (False, "row 5"),
    ]  # fmt: skip
    path.write_text('[["", "yes", 1]]', "utf-8")
    with pytest.raises(InputError, match="row 1 has no text"):
        read_questions(path, is_strict=False)


def test_what_differs_from_the_background_is_cut_out(folder):
    shown = Pictures(folder).read(7)
    assert shown.shape == (3, 24, 24)
    assert shown[:, 12, 12].tolist() == [255, 0, 0]
    assert (shown[0] == 255).all()  # nothing of the background is left


def test_a_missing_picture_and_one_that_is_none_are_named(folder):
    pictures = Pictures(folder)
    with pytest.raises(NotFoundError, match="no picture for image 99"):
        pictures.read(99)
    with pytest.raises(InputError, match=r"8\.png"):
        pictures.read("8")


def test_an_archive_gives_the_same_picture(folder, tmp_path_factory):
    path = tmp_path_factory.mktemp("zip") / "images.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(folder / "below" / "7.png", "images/7.png")
    assert (Pictures(path).read(7) == Pictures(folder).read(7)).all()
    with pytest.raises(InputError, match="neither a folder nor a zip archive"):
        Pictures(folder / "8.png")
