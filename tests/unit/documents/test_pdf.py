"""PDF files: text of whole ones, a reason for all others, and an end to those that mean harm."""

from __future__ import annotations

import io
import threading
from pathlib import Path

import pypdf
import pytest

from app.core.errors import Cancelled, UnreadablePdf
from app.core.jobs import CancelToken
from app.documents import pdf, read_document
from tests.helpers import tiny_pdf


def put(folder: Path, content: bytes) -> Path:
    path = folder / "paper.pdf"
    path.write_bytes(content)
    return path


def refusal(path: Path) -> UnreadablePdf:
    with pytest.raises(UnreadablePdf) as refused:
        read_document(path)
    assert refused.value.hint  # there is a way out
    return refused.value


def encrypted(password: str, algorithm: str) -> bytes:
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(tiny_pdf.text_pages("Kept from honest people")))
    writer.encrypt(user_password=password, owner_password="owner", algorithm=algorithm)
    written = io.BytesIO()
    writer.write(written)
    return written.getvalue()


def test_pages_are_read_in_order(tmp_path: Path):
    counts: list[tuple[int, int]] = []
    path = put(tmp_path, tiny_pdf.text_pages("First page", "Second page"))
    document = read_document(path, on_page=lambda done, total: counts.append((done, total)))
    assert (document.text, document.media_type) == ("First page\n\nSecond page", "application/pdf")
    assert counts[-1] == (2, 2)
    assert not document.remark


def test_pdf_is_known_by_its_content_too(tmp_path: Path):
    path = tmp_path / "paper.txt"
    path.write_bytes(tiny_pdf.text_pages("A page"))
    assert read_document(path).text == "A page"


@pytest.mark.parametrize("algorithm", ["RC4-128", "AES-256"])
def test_encrypted_file_that_everybody_may_open_is_read(tmp_path: Path, algorithm: str):
    assert read_document(put(tmp_path, encrypted("", algorithm))).text == "Kept from honest people"


def test_file_with_a_password_is_refused_with_a_way_out(tmp_path: Path):
    fault = refusal(put(tmp_path, encrypted("secret", "AES-256")))
    assert "password" in fault.message


def test_scanned_file_is_refused_with_the_reason(tmp_path: Path):
    fault = refusal(put(tmp_path, tiny_pdf.scanned_page()))
    assert "pictures" in fault.message
    assert "OCR" in fault.hint


def test_pages_that_are_pictures_are_told_beside_the_text_of_others(tmp_path: Path):
    content = tiny_pdf.pages([tiny_pdf.stream(b"BT /F1 9 Tf (A word) Tj ET"), tiny_pdf.stream(b"")])
    document = read_document(put(tmp_path, content))
    assert document.text == "A word"
    assert document.remark == "1 of 2 pages hold no text, perhaps only pictures of it."


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (tiny_pdf.text_pages("hello")[:200], "damaged"),
        (b"%PDF-1.7\n" + b"\xff\x00" * 500, "damaged"),
        (b"Only called so", "no PDF"),
        (tiny_pdf.pages_in_a_circle(), "damaged"),
    ],
)
def test_broken_file_is_refused(tmp_path: Path, content: bytes, words: str):
    assert words in refusal(put(tmp_path, content)).message


@pytest.mark.parametrize("make", [tiny_pdf.zip_bomb, tiny_pdf.deep_nesting, tiny_pdf.form_in_itself])
def test_hostile_file_comes_to_an_end(tmp_path: Path, make):
    refusal(put(tmp_path, make()))


def test_tables_in_a_circle_do_not_keep_the_text(tmp_path: Path):
    assert read_document(put(tmp_path, tiny_pdf.tables_in_a_circle())).text == "hello"


def test_page_that_takes_too_long_is_given_up_and_those_before_it_stay(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(pdf, "PAGE_S", 2.5)
    page = tiny_pdf.stream(b"BT /F1 12 Tf (The first) Tj ET")
    document = read_document(put(tmp_path, tiny_pdf.pages([page, tiny_pdf.endless_content()])))
    assert document.text == "The first"
    assert document.remark == "Only the first of 2 pages was read: the next took too long."


def test_file_that_takes_too_much_memory_is_given_up(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(pdf, "MOST_MEMORY_BYTES", 150_000_000)
    assert "memory" in refusal(put(tmp_path, tiny_pdf.pages([tiny_pdf.endless_content()]))).message


def test_reading_can_be_cancelled(tmp_path: Path):
    path = put(tmp_path, tiny_pdf.pages([tiny_pdf.endless_content()]))
    cancel = CancelToken()
    threading.Timer(0.5, cancel.cancel).start()
    with pytest.raises(Cancelled):
        read_document(path, cancel)
