"""Chat: files that go with a message."""

from __future__ import annotations

from pathlib import Path

from app.ui import jobs
from app.ui.pages.chat import ChatPage
from tests.helpers import tiny_pdf
from tests.helpers.tiny_gguf import CHATML, write_tiny_model
from tests.tour.props import say, settle_chat
from tests.tour.stage import Stage, scene

REPORT = "Turnover grew in every quarter but the second, when the harbour was closed for nine days. "
TABLE = "month;turnover;harbour open\n" + "".join(
    f"2026-{n:02};{90_000 + 700 * n};yes\n" for n in range(1, 13)
)


@scene
def chat_attached(stage: Stage) -> None:
    page = open_brief_chat(stage)
    attach(stage, page, *files(stage))
    page.composer.set_text("What do the two say about the second quarter?")
    stage.wait(lambda: not jobs.running())


@scene
def chat_attached_and_sent(stage: Stage) -> None:
    page = open_brief_chat(stage)
    attach(stage, page, *files(stage))
    say(stage, page, "What do the two say about the second quarter?", 20)


@scene
def chat_attached_too_much(stage: Stage) -> None:
    page = open_brief_chat(stage)
    say(stage, page, "Are you there?", 20)
    long = stage.root / "annual-report.txt"
    long.write_text(REPORT * 400)
    attach(stage, page, *files(stage)[:1], long)
    page.composer.set_text("Sum it up, please.")
    stage.wait(lambda: page.composer.too_long.isVisible() and not jobs.running())


@scene
def chat_attached_unreadable(stage: Stage) -> None:
    page = open_brief_chat(stage)
    scan, picture = stage.root / "contract-scan.pdf", stage.root / "notes.txt"
    scan.write_bytes(tiny_pdf.scanned_page())
    picture.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)))
    attach(stage, page, scan, picture)


@scene
def chat_attached_pasted(stage: Stage) -> None:
    page = open_brief_chat(stage)
    page.composer.attaching.add_text(REPORT * 20)
    stage.wait(lambda: not jobs.running())


@scene
def chat_attached_many(stage: Stage) -> None:
    page = open_brief_chat(stage)
    paths = []
    for number in range(7):
        paths.append(stage.root / f"minutes-of-the-meeting-in-week-{number + 30}-of-the-year-2026.md")
        paths[-1].write_text(f"# Week {number + 30}\n\n{REPORT}")
    attach(stage, page, *paths)
    page.composer.chips.chips()[1].button.setFocus()


@scene
def chat_attached_dropping(stage: Stage) -> None:
    open_brief_chat(stage).file_drop.veil.cover()


def open_brief_chat(stage: Stage) -> ChatPage:
    path = write_tiny_model(
        stage.models / "brief.gguf", context=4096, chat_template=CHATML, never_ends=True, name="Brief 8B"
    )
    stage.open()
    page = settle_chat(stage)
    page.open_model(path)
    return settle_chat(stage)


def files(stage: Stage) -> list[Path]:
    table, paper = stage.root / "turnover.csv", stage.root / "harbour.pdf"
    table.write_text(TABLE)
    paper.write_bytes(tiny_pdf.text_pages(*[REPORT] * 3))
    return [table, paper]


def attach(stage: Stage, page: ChatPage, *paths: Path) -> None:
    page.composer.attaching.add_files(list(paths))
    stage.wait(lambda: not jobs.running())
