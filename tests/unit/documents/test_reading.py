"""Text out of files: what people have, and what should not be attached."""

from __future__ import annotations

import codecs
import os
import sys
import threading
import zipfile
from pathlib import Path

import pytest

from app.core.errors import FileGone, NotAllowed, NotText, UnreadableFile
from app.documents import MOST_TEXT_BYTES, language_of, read_document, shown_name

ON_POSIX = pytest.mark.skipif(sys.platform == "win32", reason="has no such files")
JAPANESE = "これは日本語の文章です。今日は天気がいいので、散歩に行きました。"
RUSSIAN = "Привет, как дела? Сегодня хорошая погода, и мы идём гулять в парк."
GERMAN = "Müller fährt nach Köln – „schön“ dort, 5 € je Übernachtung."


def put(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (GERMAN, "utf-8"),
        (GERMAN, "utf-8-sig"),
        (GERMAN, "utf-16"),
        (GERMAN, "utf-16-le"),
        (GERMAN, "utf-16-be"),
        (GERMAN, "utf-32"),
        (GERMAN, "cp1252"),
        ("Café crème à la française, où êtes-vous ?", "latin-1"),
        (JAPANESE, "utf-16"),
        (JAPANESE, "shift_jis"),
        (JAPANESE, "euc_jp"),
        (RUSSIAN, "cp1251"),
        (RUSSIAN, "koi8_r"),
        ("这是一个中文文件，今天天气很好，我们去公园散步。", "gb18030"),
        ("Zażółć gęślą jaźń, a potem idź do domu.", "cp1250"),
    ],
)
def test_file_in_an_encoding_people_have_is_read(tmp_path: Path, text: str, encoding: str):
    lines = "\r\n".join([text] * 4)
    path = put(tmp_path, "notes.txt", lines.encode(encoding))
    document = read_document(path)
    assert document.text == lines.replace("\r\n", "\n")
    assert document.size_bytes == path.stat().st_size
    assert not document.remark


def test_table_is_read_as_it_is(tmp_path: Path):
    table = 'name;amount\n"Müller; Söhne";"1.234,50"\n'
    document = read_document(put(tmp_path, "table.csv", table.encode()))
    assert (document.text, document.media_type) == (table, "text/csv")


def test_first_part_of_a_file_of_a_gigabyte_is_read_and_said_so(tmp_path: Path):
    line = "The same line again, with a character of two bytes: ü.\n".encode()
    path = put(tmp_path, "log.txt", line * (MOST_TEXT_BYTES // len(line) + 100))
    os.truncate(path, 10**9)  # the rest is a hole
    document = read_document(path)
    assert len(document.text.encode()) in range(MOST_TEXT_BYTES - 1, MOST_TEXT_BYTES + 1)
    assert document.remark == "Only the first 4.19 MB of 1.00 GB were read."


def test_gigabyte_of_zeros_is_refused(tmp_path: Path):
    path = put(tmp_path, "zeros.txt", b"")
    os.truncate(path, 10**9)
    with pytest.raises(NotText):
        read_document(path)


@pytest.mark.parametrize(
    ("content", "form"),
    [
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "a picture"),
        (bytes(range(256)) * 20, "a binary file"),
        (bytes(range(1, 256)) * 20, "a binary file"),  # without a zero byte
        (b"MZ" + bytes(200), "a program"),
    ],
)
def test_binary_named_txt_is_refused_with_what_it_is(tmp_path: Path, content: bytes, form: str):
    with pytest.raises(NotText) as refused:
        read_document(put(tmp_path, "notes.txt", content))
    assert refused.value.message == f"notes.txt is {form}, not text."
    assert "PDF" in refused.value.hint


def test_office_document_is_refused_with_a_way_out(tmp_path: Path):
    path = tmp_path / "letter.docx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("word/document.xml", "<w:t>Dear all</w:t>" * 100)
    with pytest.raises(NotText) as refused:
        read_document(path)
    assert "office document" in refused.value.message
    assert "save as PDF or text" in refused.value.hint


def test_empty_file_is_refused(tmp_path: Path):
    for name, content in (("a.txt", b""), ("b.pdf", b""), ("c.txt", b" \n\n"), ("d.txt", codecs.BOM_UTF8)):
        with pytest.raises(UnreadableFile, match="empty"):
            read_document(put(tmp_path, name, content))


def test_folder_is_refused(tmp_path: Path):
    with pytest.raises(UnreadableFile, match="folder"):
        read_document(tmp_path)


@ON_POSIX
def test_pipe_and_device_are_refused_without_waiting(tmp_path: Path):
    pipe = tmp_path / "pipe.txt"
    os.mkfifo(pipe)
    refused: list[UnreadableFile] = []

    def read(path: Path) -> None:
        try:
            read_document(path)
        except UnreadableFile as fault:
            refused.append(fault)

    for path in (pipe, Path("/dev/zero"), Path("/dev/null")):
        reader = threading.Thread(target=read, args=(path,), daemon=True)
        reader.start()
        reader.join(20)
        assert not reader.is_alive()
    assert len(refused) == 3


def test_file_that_is_gone_is_told(tmp_path: Path):
    with pytest.raises(FileGone):
        read_document(tmp_path / "gone.txt")
    with pytest.raises(FileGone):
        read_document(tmp_path / "no\0name.txt")


@ON_POSIX
def test_links_in_a_circle_are_refused(tmp_path: Path):
    (tmp_path / "a.txt").symlink_to(tmp_path / "b.txt")
    (tmp_path / "b.txt").symlink_to(tmp_path / "a.txt")
    with pytest.raises(UnreadableFile):
        read_document(tmp_path / "a.txt")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_file_that_may_not_be_read_is_told(tmp_path: Path):
    path = put(tmp_path, "secret.txt", b"secret")
    path.chmod(0)
    with pytest.raises(NotAllowed):
        read_document(path)


@ON_POSIX
def test_name_is_shown_on_one_line_and_in_its_order(tmp_path: Path):
    path = put(tmp_path, "in\nvoice\u202etxt.exe.md", b"Hello")
    assert read_document(path).name == "in\ufffdvoice\ufffdtxt.exe.md"
    assert shown_name(os.fsdecode(b"\xff.txt")) == "?.txt"
    assert len(shown_name("x" * 300 + ".csv")) <= 120
    assert shown_name("x" * 300 + ".csv").endswith(".csv")


def test_language_of_a_fence_is_letters_and_digits_only():
    assert [language_of(name) for name in ("a.py", "B.MD", "c.csv", "d", "e.x`y", "f.tar gz")] == [
        "python",
        "markdown",
        "csv",
        "",
        "",
        "",
    ]
