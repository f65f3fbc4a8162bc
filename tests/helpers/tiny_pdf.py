"""PDF files of a few objects, after ISO 32000-1: whole ones, and what somebody who means harm would send."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

FONT = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"


def pdf(objects: Sequence[bytes], root: int = 1) -> bytes:
    """The objects are numbered from 1; the first is the catalogue."""
    out = bytearray(b"%PDF-1.7\n")
    places: list[int] = []
    for number, content in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer\n<< /Size %d /Root %d 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, root, start)
    return bytes(out)


def stream(content: bytes, entries: bytes = b"") -> bytes:
    return b"<< /Length %d %s >>\nstream\n%s\nendstream" % (len(content), entries, content)


def deflated(content: bytes) -> bytes:
    return stream(zlib.compress(content, 9), b"/Filter /FlateDecode")


def pages(contents: Sequence[bytes]) -> bytes:
    """A document with a page for each of these content streams, objects as `stream` makes them."""
    first = 4
    kids = b" ".join(b"%d 0 R" % (first + 2 * number) for number in range(len(contents)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [%s] /Count %d >>" % (kids, len(contents)),
        FONT,
    ]
    for number, content in enumerate(contents):
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font << /F1 3 0 R >> >>"
            b" /Contents %d 0 R >>" % (first + 2 * number + 1)
        )
        objects.append(content)
    return pdf(objects)


def text_pages(*texts: str) -> bytes:
    """A page with one line of text for each."""
    return pages([stream(b"BT /F1 12 Tf 72 720 Td (%s) Tj ET" % text.encode("latin-1")) for text in texts])


def scanned_page() -> bytes:
    """A picture and no text."""
    picture = stream(
        b"\x80" * 64,
        b"/Type /XObject /Subtype /Image /Width 8 /Height 8 /ColorSpace /DeviceGray /BitsPerComponent 8",
    )
    return pdf(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842]"
            b" /Resources << /XObject << /Im1 5 0 R >> >> /Contents 4 0 R >>",
            stream(b"q 595 0 0 842 0 0 cm /Im1 Do Q"),
            picture,
        ]
    )


def zip_bomb() -> bytes:
    """A content stream that unpacks to 20 GB, in two steps."""
    inner = zlib.compress(b" " * 20_000_000, 9)
    packed = zlib.compressobj(9)
    data = b"".join(packed.compress(inner) for _ in range(1000)) + packed.flush()
    return pages([stream(data, b"/Filter [/FlateDecode /FlateDecode]")])


def endless_content() -> bytes:
    """A content stream that a reader is busy with for minutes."""
    return deflated(b"BT /F1 12 Tf " + b"(a) Tj " * 9_000_000 + b"ET")


def deep_nesting() -> bytes:
    return pages([deflated(b"[" * 5_000_000)])


def pages_in_a_circle() -> bytes:
    return pdf(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [2 0 R 2 0 R] /Count 2 /Parent 2 0 R >>",
        ]
    )


def form_in_itself() -> bytes:
    """A page that draws a form that draws itself."""
    return pdf(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842]"
            b" /Resources << /XObject << /X 5 0 R >> >> /Contents 4 0 R >>",
            stream(b"/X Do"),
            stream(
                b"/X Do /X Do",
                b"/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /X 5 0 R >> >>",
            ),
        ]
    )


def tables_in_a_circle() -> bytes:
    """A cross-reference table that names itself as the one before."""
    whole = text_pages("hello")
    start = whole.rindex(b"startxref")
    table = int(whole[start:].split()[1])
    return whole.replace(b"/Root 1 0 R >>", b"/Root 1 0 R /Prev %d >>" % table)
