"""Hugging Face inside Discover: the real window and the real client, before a local Hub."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants
from PySide6.QtCore import QPoint, Qt, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QLabel, QMenu, QPushButton

from app.gguf.facts import facts_from_headers
from app.gguf.reader import read_header
from app.gguf.source import FileHead
from app.hub import HubRepository, Variant
from app.recommend.budget import budget_of
from app.recommend.fit import Verdict, fit
from app.recommend.need import need_of
from app.runtime.protocol import LoadSettings
from app.ui import jobs
from app.ui.pages.discover import DiscoverPage
from app.ui.pages.hub import HubView
from app.ui.pages.hub_head import View
from app.ui.pages.hub_result_rows import CAPTION_ROLE, Column
from app.ui.pages.hub_variant_rows import Column as VariantColumn
from app.ui.pages.hub_variant_rows import VariantRow
from tests.helpers.hub_models import catalogue_file, large_model, split_model
from tests.helpers.hub_server import Fault, Hole, HubServer, Repository
from tests.helpers.tiny_checkpoint import TinyLlama
from tests.ui.conftest import machine, settle

TOKEN = "hf_QUzr1secret"
BILLION = 10**9
PATIENCE_MS = 20_000


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[HubServer]:
    """The Hub, as HF_ENDPOINT would tell it, of which nobody here has a token."""
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    with HubServer() as server:
        monkeypatch.setattr(constants, "ENDPOINT", server.url)
        yield server


@pytest.fixture
def page(open_page: Callable[..., DiscoverPage], server: HubServer) -> DiscoverPage:
    return open_page("desktop-8gb-card")


@pytest.fixture
def opened_links(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What would have been opened in the browser."""
    addresses: list[str] = []

    def open_url(url: QUrl) -> bool:
        addresses.append(url.toString())
        return True

    monkeypatch.setattr(QDesktopServices, "openUrl", open_url)
    return addresses


def log_in(token: str = TOKEN) -> None:
    """As `hf auth login` does."""
    Path(constants.HF_TOKEN_PATH).write_text(token)


def model(id: str, billions: float = 8, **options) -> Repository:
    gguf = {"total": int(billions * BILLION), "architecture": "llama", "context_length": 8192}
    options.setdefault("tags", ["gguf", "license:mit"])
    return Repository(id, facts={"gguf": gguf}, **options)


def look_for(qtbot, page: DiscoverPage, text: str) -> HubView:
    """Types it into the field of Discover and presses Enter."""
    page.header.search.setText(text)
    qtbot.keyClick(page.header.search, Qt.Key.Key_Return)
    settle(qtbot)
    return page.hub


def open_repository(qtbot, page: DiscoverPage, repository: str) -> HubView:
    hub = look_for(qtbot, page, repository)
    await_header(qtbot, hub)
    return hub


def await_header(qtbot, hub: HubView) -> None:
    """Whatever is asked about the file that is chosen."""
    qtbot.waitUntil(lambda: not hub.repository.is_asking and not jobs.running(), timeout=PATIENCE_MS)


def found(hub: HubView) -> list[str]:
    return [result.model.id for result in hub.search.results]


def cell(hub: HubView, number: int, column: Column) -> str:
    index = hub.search.rows.index(number, column)
    return f"{index.data()}|{index.data(CAPTION_ROLE)}"


def row_of(hub: HubView, label: str) -> VariantRow:
    return next(row for row in hub.repository.rows if row.variant and row.variant.label == label)


def spoken(hub: HubView, label: str) -> str:
    """The whole line of a file, as it is read aloud."""
    number = hub.repository.rows.index(row_of(hub, label))
    return hub.repository.files.rows.index(number, 0).data(Qt.ItemDataRole.AccessibleTextRole)


def visible_words(widget) -> str:
    return " ".join(label.text() for label in widget.findChildren(QLabel) if label.isVisible())


def buttons(widget) -> dict[str, QPushButton]:
    return {each.text(): each for each in widget.findChildren(QPushButton) if each.isVisible()}


def facts_of(content: Hole):
    path = Path("model.gguf")
    return facts_from_headers((path,), (read_header(FileHead(path.name, content.head, content.size)),))


# Searching


def test_nothing_is_asked_of_the_hub_before_a_person_asks(qtbot, page, server):
    qtbot.keyClicks(page.header.search, "qwen3 8b")
    settle(qtbot)
    assert page.list.isVisible()
    assert server.requests == []


def test_enter_searches_the_hub_for_what_was_typed(qtbot, page, server):
    server.add(model("ada/Nova-8B-GGUF", downloads=1_200_000, likes=340, modified="2024-01-02T00:00:00.000Z"))
    server.add(model("ada/Other-GGUF"))
    hub = look_for(qtbot, page, "nova")
    assert hub.search.list.isVisible()
    assert found(hub) == ["ada/Nova-8B-GGUF"]
    assert cell(hub, 0, Column.MODEL) == "Nova-8B-GGUF|ada · MIT"
    assert cell(hub, 0, Column.PARAMETERS) == "8.0 B|llama"
    assert cell(hub, 0, Column.DOWNLOADS) == "1.2 M|340 likes"
    assert cell(hub, 0, Column.CHANGED).endswith(" ago|2024-01-02")
    assert "One model" in hub.search.footer.text


def test_the_button_searches_too_and_without_words_shows_what_is_trending(qtbot, page, server):
    server.add(model("ada/Second-GGUF", trending=1))
    server.add(model("ada/First-GGUF", trending=9))
    page.header.hub.click()
    settle(qtbot)
    assert found(page.hub) == ["ada/First-GGUF", "ada/Second-GGUF"]


def test_words_that_the_catalogue_lacks_lead_to_the_hub(qtbot, page, server):
    server.add(model("ada/Zzyzx-GGUF"))
    page.header.search.setText("zzyzx")
    buttons(page.body.no_match)["Search Hugging Face"].click()
    settle(qtbot)
    assert found(page.hub) == ["ada/Zzyzx-GGUF"]


@pytest.mark.parametrize(
    ("choose", "expected"),
    [
        (lambda bar: bar.sort.setCurrentIndex(bar.sort.findData("downloads")), ["b/Two-GGUF", "a/One-GGUF"]),
        (lambda bar: bar.licence.setCurrentIndex(bar.licence.findData("mit")), ["a/One-GGUF"]),
        (lambda bar: bar.least.setCurrentIndex(bar.least.findData(9 * BILLION)), ["b/Two-GGUF"]),
        (lambda bar: bar.most.setCurrentIndex(bar.most.findData(9 * BILLION)), ["a/One-GGUF"]),
        (lambda bar: bar.has_gguf.setChecked(False), ["a/One-GGUF", "c/Three", "b/Two-GGUF"]),
    ],
)
def test_what_is_chosen_narrows_the_search_at_once(qtbot, page, server, choose, expected):
    server.add(model("a/One-GGUF", 8, trending=3, downloads=1))
    server.add(model("b/Two-GGUF", 12, trending=1, downloads=2, tags=["gguf", "license:apache-2.0"]))
    server.add(Repository("c/Three", trending=2))
    hub = look_for(qtbot, page, "")
    assert found(hub) == ["a/One-GGUF", "b/Two-GGUF"]
    choose(hub.search.bar)
    hub.search.bar.sort.activated.emit(0)
    settle(qtbot)
    assert found(hub) == expected


def test_an_author_narrows_when_the_name_is_whole(qtbot, page, server):
    for owner in ("ada", "bob"):
        server.add(model(f"{owner}/M-GGUF"))
    hub = look_for(qtbot, page, "m")
    qtbot.keyClicks(hub.search.bar.author, "bob")
    assert len(server.requests) == 1
    qtbot.keyClick(hub.search.bar.author, Qt.Key.Key_Return)
    settle(qtbot)
    assert found(hub) == ["bob/M-GGUF"]


def test_more_come_while_scrolling_and_by_the_button_and_none_twice(qtbot, page, server):
    server.page_size = 20
    for number in range(50):
        server.add(model(f"ada/M-{number:02d}-GGUF", trending=-number))
    hub = look_for(qtbot, page, "")
    assert len(found(hub)) == 20
    bar = hub.search.list.verticalScrollBar()
    bar.setValue(bar.maximum())
    settle(qtbot)
    assert len(found(hub)) == 40
    assert "40 models so far" in hub.search.footer.text
    hub.search.footer.more.click()
    settle(qtbot)
    assert found(hub) == [f"ada/M-{number:02d}-GGUF" for number in range(50)]
    assert not hub.search.footer.more.isVisible()
    assert len(server.requests) == 3


def test_a_page_that_does_not_come_leaves_the_others_and_can_be_asked_for_again(qtbot, page, server):
    server.page_size = 20
    for number in range(30):
        server.add(model(f"ada/M-{number:02d}-GGUF"))
    hub = look_for(qtbot, page, "")
    server.faults.append(Fault(where="cursor", status=503))
    hub.search.footer.more.click()
    settle(qtbot)
    assert len(found(hub)) == 20
    assert "503" in hub.search.footer.text
    asked = len(server.requests)
    bar = hub.search.list.verticalScrollBar()
    bar.setValue(bar.maximum())
    settle(qtbot)
    assert len(server.requests) == asked  # scrolling does not hammer a server in trouble
    hub.search.footer.more.click()
    settle(qtbot)
    assert len(found(hub)) == 30


def test_the_last_search_counts_and_the_one_before_is_cancelled(qtbot, page, server):
    server.add(model("ada/Slow-GGUF"))
    server.add(model("ada/Quick-GGUF"))
    server.faults.append(Fault(where="search=slow", stall_at=3, stall_s=5))
    page.header.search.setText("slow")
    qtbot.keyClick(page.header.search, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: len(server.requests) == 1, timeout=PATIENCE_MS)
    (slow,) = (job for job in jobs.running() if job.name == "Search the Hub")
    hub = page.hub
    hub.search.bar.words.setText("quick")
    qtbot.keyClick(hub.search.bar.words, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: found(hub) == ["ada/Quick-GGUF"], timeout=PATIENCE_MS)
    server.closing.set()
    settle(qtbot)
    assert slow.state.value in ("cancelled", "failed")
    assert found(hub) == ["ada/Quick-GGUF"]


def test_a_search_that_takes_long_can_be_cancelled(qtbot, page, server):
    server.add(model("ada/X-GGUF"))
    server.faults.append(Fault(where="/api/models", stall_at=3, stall_s=5))
    page.look_on_hub("x")
    hub = page.hub
    qtbot.waitUntil(hub.search.body.asking.isVisible, timeout=PATIENCE_MS)
    buttons(hub.search)["Cancel"].click()
    assert "The search was stopped" in visible_words(hub.search)
    server.closing.set()
    settle(qtbot)
    assert "The search was stopped" in visible_words(hub.search)


def test_back_leads_to_the_catalogue_with_all_its_models(qtbot, page, server):
    listed = page.list.model().rowCount()
    server.add(model("ada/Zzyzx-GGUF"))
    hub = look_for(qtbot, page, "zzyzx")
    qtbot.keyClick(hub.search.list, Qt.Key.Key_Escape)
    assert page.list.isVisible()
    assert page.list.model().rowCount() == listed


# Verdicts


def test_results_have_a_verdict_at_once(qtbot, page, server):
    """Weights of Q4_K_M are 0.61 bytes a parameter, so on a card of 8 GB there is room for 1 B and none for 400 B."""
    for billions in (1, 30, 400):
        server.add(model(f"ada/M-{billions}B-GGUF", billions, trending=-billions))
    server.add(Repository("ada/Unknown-GGUF", tags=["gguf"], trending=-1000))
    hub = look_for(qtbot, page, "")
    verdicts = [result.fit.verdict if result.fit else None for result in hub.search.results]
    assert verdicts[0] is Verdict.FITS
    assert verdicts[1] in (Verdict.SPLIT, Verdict.SLOW)
    assert verdicts[2:] == [Verdict.TOO_BIG, None]
    assert cell(hub, 0, Column.VERDICT) == "Fits the GPU|in Q4_K_M, estimated"
    assert cell(hub, 3, Column.VERDICT) == "–|size not told"


def test_a_verdict_becomes_exact_once_the_header_was_read(qtbot, page, server):
    file = catalogue_file("qwen3-8b", "Q4_K_M")
    server.add(
        model(
            "ada/Q-GGUF",
            8.19,
            files={"Q-Q4_K_M.gguf": file, "Q-Q8_0.gguf": catalogue_file("qwen3-8b", "Q8_0")},
        )
    )
    hub = look_for(qtbot, page, "q-gguf")
    hub.open("ada/Q-GGUF")
    await_header(qtbot, hub)
    row = hub.repository.files.list.current_row()
    assert row.variant.label == "Q4_K_M"
    budget = budget_of(machine("desktop-8gb-card"))
    expected = fit(need_of(facts_of(file), LoadSettings(context_length=8192)), budget)
    assert row.judgement.fit == expected
    assert "estimated" in spoken(hub, "Q8_0")
    assert "exact" in spoken(hub, "Q4_K_M")
    qtbot.keyClick(hub.repository.files.list, Qt.Key.Key_Escape)
    assert hub.search.list.isVisible()
    (result,) = hub.search.results
    assert result.fit == expected
    assert cell(hub, 0, Column.VERDICT).endswith("|Q4_K_M, exact")


def test_another_context_moves_the_memory_of_the_files(qtbot, page, server):
    file = catalogue_file("qwen3-8b", "Q4_K_M")
    server.add(model("ada/Q-GGUF", files={"Q-Q4_K_M.gguf": file}))
    hub = open_repository(qtbot, page, "ada/Q-GGUF")
    context = hub.repository.head.context
    context.setCurrentIndex(context.findData(32_768))
    context.activated.emit(context.currentIndex())
    settle(qtbot)
    need = need_of(facts_of(file), LoadSettings(context_length=32_768))
    assert row_of(hub, "Q4_K_M").judgement.need == need
    assert hub.repository.files.details.figures["memory"].value == f"{need.total_bytes / 1e9:.1f} GB"
    assert page.header.context.currentData() == 32_768


# A repository


@pytest.mark.parametrize(
    "text",
    [
        "ada/M-GGUF",
        "https://huggingface.co/ada/M-GGUF",
        "https://huggingface.co/ada/M-GGUF/tree/main?show_file_info=x",
        "hf.co/ada/M-GGUF:Q8_0",
        "https://huggingface.co/ada/M-GGUF/blob/main/M-Q8_0.gguf",
    ],
)
def test_an_address_opens_the_repository_and_the_file_it_names(qtbot, page, server, text):
    server.add(
        model("ada/M-GGUF", files={"M-Q4_K_M.gguf": large_model(100), "M-Q8_0.gguf": large_model(101)})
    )
    hub = open_repository(qtbot, page, text)
    assert hub.currentWidget() is hub.repository
    chosen = hub.repository.files.list.current_row().variant.label
    assert chosen == ("Q8_0" if "Q8_0" in text else "Q4_K_M")


def test_back_returns_to_the_results(qtbot, page, server):
    server.add(model("ada/M-GGUF", files={"M-Q4_0.gguf": large_model(100)}))
    hub = look_for(qtbot, page, "m")
    qtbot.keyClick(hub.search.list, Qt.Key.Key_Return)
    settle(qtbot)
    assert hub.repository.isVisible()
    qtbot.keyClick(hub.repository.files.list, Qt.Key.Key_Escape)
    assert found(hub) == ["ada/M-GGUF"]
    assert hub.search.list.hasFocus()


def test_files_are_grouped_told_apart_and_what_is_incomplete_is_said(qtbot, page, server):
    tiny = large_model(100)
    files = {
        "M-Q4_K_M.gguf": tiny,
        "M-UD-Q4_K_M.gguf": tiny,
        "M.i1-Q4_K_M.gguf": tiny,
        "M-qat-Q4_0.gguf": tiny,
        **split_model("M-Q8_0", 3, 3 * BILLION),
        "M-F32-00001-of-00002.gguf": tiny,
        "M-Q6_K.gguf.part1of2": b"x" * 100,
        "M-Q6_K.gguf.part2of2": b"x" * 100,
        "mmproj-F16.gguf": tiny,
        "mtp-M-Q8_0.gguf": tiny,
    }
    server.add(model("ada/M-GGUF", files=files))
    hub = open_repository(qtbot, page, "ada/M-GGUF")
    lines = {row.variant.label: spoken(hub, row.variant.label) for row in hub.repository.rows if row.is_model}
    assert "UD" in lines["UD-Q4_K_M"]
    assert "importance matrix" in lines["i1-Q4_K_M"]
    assert "QAT" in lines["QAT-Q4_0"]
    assert "3 parts" in lines["Q8_0"]
    assert "9.00 GB" in lines["Q8_0"]
    assert "part 2 missing" in lines["F32"]
    assert "cut into 2 pieces" in lines["Q6_K"]
    assert {label for label in lines if not row_of(hub, label).can_get} == {"F32", "Q6_K"}
    titles = [row.title for row in hub.repository.rows if row.title]
    assert ["mmproj" in titles[0], "Draft" in titles[1]] == [True, True]
    assert all(row.judgement is None for row in hub.repository.rows if not row.is_model)


def test_choosing_a_file_reads_its_header_and_no_weights(qtbot, page, server):
    file = catalogue_file("qwen3-8b", "Q5_K_M")
    server.add(model("ada/Q-GGUF", files={"Q-Q5_K_M.gguf": file}))
    hub = open_repository(qtbot, page, "ada/Q-GGUF")
    figures = hub.repository.files.details.figures
    facts = facts_of(file)
    assert figures["architecture"].value == "qwen3"
    assert figures["layers"].value == "36"
    assert figures["context"].value == "40k"
    assert figures["bits"].value == f"{facts.bits_per_weight:.2f}"
    assert server.sent_bytes("cdn") < 2_000_000


def test_only_the_file_at_which_a_person_stays_is_read(qtbot, page, server):
    files = {
        f"M-{kind}.gguf": large_model(100 + at) for at, kind in enumerate(("Q8_0", "Q6_K", "Q5_0", "Q4_0"))
    }
    server.add(model("ada/M-GGUF", files=files))
    page.look_on_hub("ada/M-GGUF")
    qtbot.waitUntil(lambda: page.hub.repository.rows != [], timeout=PATIENCE_MS)
    for _ in range(4):
        qtbot.keyClick(page.hub.repository.files.list, Qt.Key.Key_Down)
    last = page.hub.repository.files.list.current_row().variant.files[0].path
    await_header(qtbot, page.hub)
    assert {request.path.rpartition("/")[2] for request in server.requests if request.host == "cdn"} == {last}


def test_a_header_that_is_damaged_is_told_and_the_estimate_stays(qtbot, page, server):
    server.add(model("ada/M-GGUF", files={"M-Q4_0.gguf": Hole(b"<html>not a model</html>", 5 * BILLION)}))
    hub = open_repository(qtbot, page, "ada/M-GGUF")
    assert "is not a GGUF model: it is a web page" in hub.repository.files.details.state
    assert row_of(hub, "Q4_0").judgement is not None
    assert hub.repository.files.details.figures["memory"].value.endswith("GB")


def test_get_asks_for_the_file_by_button_by_enter_and_in_its_row(qtbot, page, server):
    files = {f"M-{kind}.gguf": large_model(100) for kind in ("Q4_0", "Q6_K", "Q8_0")}
    server.add(model("ada/M-GGUF", files=files))
    asked: list[tuple[HubRepository, Variant]] = []
    page.get_requested.connect(lambda repository, variant: asked.append((repository, variant)))
    hub = open_repository(qtbot, page, "ada/M-GGUF:Q4_0")
    files = hub.repository.files
    files.details.button.click()
    files.details.button.click()  # the second time too fast to mean anything
    for at, row in enumerate(hub.repository.rows):
        index = files.rows.index(at, 0)
        if row.variant.label == "Q8_0":
            place = files.list.button_rect(index).center()
            qtbot.mouseClick(files.list.viewport(), Qt.MouseButton.LeftButton, pos=place)
        elif row.variant.label == "Q6_K":
            files.list.setCurrentIndex(index)
            qtbot.keyClick(files.list, Qt.Key.Key_Return)
    assert sorted(variant.label for _, variant in asked) == ["Q4_0", "Q6_K", "Q8_0"]
    assert {repository.id for repository, _ in asked} == {"ada/M-GGUF"}


def test_what_is_not_whole_cannot_be_got(qtbot, page, server):
    server.add(model("ada/M-GGUF", files={"M-F32-00001-of-00002.gguf": large_model(100)}))
    asked: list[object] = []
    page.get_requested.connect(lambda *wanted: asked.append(wanted))
    hub = open_repository(qtbot, page, "ada/M-GGUF")
    files = hub.repository.files
    assert not files.details.button.isEnabled()
    assert "part 2 missing" in files.details.state
    qtbot.keyClick(files.list, Qt.Key.Key_Return)
    place = files.list.button_rect(files.rows.index(0, 0)).center()
    qtbot.mouseClick(files.list.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert asked == []


# The original


LLAMA = TinyLlama().config()


@pytest.mark.parametrize(
    ("config", "names", "reason"),
    [
        (LLAMA, ("model.safetensors", "tokenizer.model"), ""),
        (LLAMA, ("model.safetensors", "tokenizer.json"), ""),
        (LLAMA, ("model.safetensors", "vocab.txt"), "tokenizer"),
        (LLAMA, ("pytorch_model.bin", "tokenizer.model"), "pickled"),
        (
            {**LLAMA, "architectures": ["MambaForCausalLM"]},
            ("model.safetensors", "tokenizer.model"),
            "MambaForCausalLM",
        ),
        (
            {**LLAMA, "quantization_config": {"quant_method": "exl2", "bits": 4}},
            ("model.safetensors", "tokenizer.model"),
            "already quantized",
        ),
        (LLAMA, ("other.safetensors", "tokenizer.model"), "neither"),
        ({"architectures": 5}, ("model.safetensors", "tokenizer.model"), "architecture"),
    ],
)
def test_the_original_can_be_made_here_or_the_reason_is_told(qtbot, page, server, config, names, reason):
    files = dict.fromkeys(names, b"x" * 1000)
    server.add(Repository("ada/Nova", {"config.json": json.dumps(config).encode(), **files}))
    made: list[tuple[object, ...]] = []
    page.make_requested.connect(
        lambda repository, original, order: made.append((repository.id, original.form, order.words))
    )
    hub = look_for(qtbot, page, "ada/Nova")
    strip = hub.repository.files.original
    assert strip.isVisible()
    assert strip.make.isEnabled() is (reason == "")
    assert reason in strip.text
    strip.make.click()
    for menu in [each for each in strip.findChildren(QMenu) if each.isVisible()]:
        menu.actions()[0].trigger()
        menu.close()
    assert made == ([] if reason else [("ada/Nova", "BF16", "Q4_K_M")])


def test_without_gguf_files_it_looks_for_those_of_others(qtbot, page, server):
    server.add(Repository("ada/Nova", {"model.safetensors": b"x" * 100}))
    server.add(model("bob/Nova-GGUF"))
    hub = look_for(qtbot, page, "ada/Nova")
    buttons(hub.repository.files)["Look for GGUF files of it"].click()
    settle(qtbot)
    assert found(hub) == ["bob/Nova-GGUF"]


# Access


@pytest.fixture
def gated(server: HubServer) -> None:
    server.add(model("ada/Gated-GGUF", files={"M-Q4_K_M.gguf": large_model(100)}, gated="manual"))


@pytest.mark.usefixtures("gated")
def test_a_gated_repository_says_so_and_leads_to_its_page_after_asking(qtbot, page, server, opened_links):
    hub = open_repository(qtbot, page, "ada/Gated-GGUF")
    refusal = hub.repository.files.refusal
    assert "is gated" in refusal.text
    assert "accept their conditions" in refusal.text
    assert row_of(hub, "Q4_K_M").judgement is not None
    buttons(refusal)["Open the page"].click()
    assert opened_links == []
    qtbot.waitUntil(lambda: len(page.notices.bars()) == 1)
    (bar,) = page.notices.bars()
    assert bar.hint == f"{server.url}/ada/Gated-GGUF"
    buttons(bar)["Open"].click()
    assert opened_links == [f"{server.url}/ada/Gated-GGUF"]


def test_a_gated_checkpoint_cannot_be_made_without_access(qtbot, page, server):
    files = {"config.json": json.dumps(LLAMA).encode(), "model.safetensors": b"x", "tokenizer.model": b"x"}
    server.add(Repository("ada/Gated", files, gated="manual", facts={"config": LLAMA}))
    hub = look_for(qtbot, page, "ada/Gated")
    strip = hub.repository.files.original
    assert strip.isVisible()
    assert not strip.make.isEnabled()
    assert "Only who has access gets it." in strip.text


@pytest.mark.usefixtures("gated")
def test_with_access_a_gated_repository_is_like_others(qtbot, page, server):
    server.add_user(TOKEN, access=("ada/Gated-GGUF",))
    log_in()
    hub = open_repository(qtbot, page, "ada/Gated-GGUF")
    assert not hub.repository.files.refusal.isVisible()
    assert "exact" in spoken(hub, "Q4_K_M")
    assert "gated" in hub.repository.head.facts


@pytest.mark.usefixtures("gated")
def test_gated_models_are_marked_in_the_list(qtbot, page, server):
    hub = look_for(qtbot, page, "gated")
    assert "gated" in cell(hub, 0, Column.MODEL)


@pytest.mark.usefixtures("gated")
def test_the_token_can_be_given_from_where_it_is_missing(qtbot, page, server):
    hub = open_repository(qtbot, page, "ada/Gated-GGUF")
    buttons(hub.repository.files.refusal)["Access token…"].click()
    settle(qtbot)
    assert page.window().show_page("settings").hub.field.isVisible()


@pytest.mark.parametrize("private", [True, False])
def test_a_private_repository_and_one_that_is_not_there_look_the_same(qtbot, page, server, private):
    if private:
        server.add(model("ada/Secret", private=True))
    hub = look_for(qtbot, page, "ada/Secret")
    assert "ada/Secret is not on the Hub" in visible_words(hub.repository.fault)
    assert "log in first" in visible_words(hub.repository.fault)
    server.add(model("bob/Secret-GGUF"))
    buttons(hub.repository.fault)["Search for Secret"].click()
    settle(qtbot)
    assert found(hub) == ["bob/Secret-GGUF"]


# What goes wrong


def unreachable(server: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")


def offline(server: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)


def refused(server: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    log_in("hf_of_nobody")


def nonsense(server: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    server.faults.append(Fault(status=200, body=b"<html>", times=-1))


def trouble(server: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    server.faults.append(Fault(status=502, times=-1))


@pytest.mark.parametrize("asked", ["nova", "ada/Nova"])
@pytest.mark.parametrize(
    ("happens", "sentence", "step"),
    [
        (unreachable, "There is no connection to 127.0.0.1", "Try again"),
        (offline, "HF_HUB_OFFLINE is set", None),
        (refused, "does not accept your access token", "Access token…"),
        (nonsense, "is not what a Hub answers", "Try again"),
        (trouble, "it answers 502", "Try again"),
    ],
)
def test_each_fault_is_a_state_with_a_step(qtbot, page, server, monkeypatch, asked, happens, sentence, step):
    happens(server, monkeypatch)
    hub = look_for(qtbot, page, asked)
    state = hub.search.body.fault if asked == "nova" else hub.repository.fault
    assert state.isVisible()
    assert sentence in visible_words(state)
    assert "hf_of_nobody" not in visible_words(hub)
    if step:
        assert step in buttons(state)
    else:
        assert "Try again" not in buttons(state)
    assert page.notices.bars() == []


def test_asking_again_helps_when_the_network_is_back(qtbot, page, server, monkeypatch):
    server.add(model("ada/Nova-GGUF"))
    with monkeypatch.context() as patched:
        unreachable(server, patched)
        hub = look_for(qtbot, page, "nova")
    buttons(hub.search.body.fault)["Try again"].click()
    settle(qtbot)
    assert found(hub) == ["ada/Nova-GGUF"]


def test_who_is_asked_to_wait_is_told_when_and_cannot_ask_before(qtbot, page, server):
    server.faults.append(Fault(where="/api/models", status=429, headers={"Retry-After": "2"}))
    server.add(model("ada/Nova-GGUF"))
    hub = look_for(qtbot, page, "nova")
    (again, *_) = hub.search.body.fault.buttons
    assert again.text() == "Again in 2 s"
    assert not again.isEnabled()
    qtbot.waitUntil(again.isEnabled, timeout=5000)
    again.click()
    settle(qtbot)
    assert found(hub) == ["ada/Nova-GGUF"]


def test_nothing_found_says_what_to_do_and_offers_it(qtbot, page, server):
    server.add(Repository("ada/Nova"))
    hub = look_for(qtbot, page, "nova")
    assert "Nothing on Hugging Face matches “nova”" in visible_words(hub.search.body.nothing)
    buttons(hub.search.body.nothing)["Without filters"].click()
    settle(qtbot)
    assert found(hub) == ["ada/Nova"]


def test_leaving_stops_what_is_being_asked(qtbot, page, server):
    server.faults.append(Fault(where="/api/models", stall_at=3, stall_s=5))
    page.look_on_hub("ada/Nova")
    qtbot.waitUntil(lambda: len(server.requests) == 1, timeout=PATIENCE_MS)
    qtbot.keyClick(page.hub.repository, Qt.Key.Key_Escape)
    assert page.list.isVisible()
    server.closing.set()
    settle(qtbot)
    assert page.list.isVisible()


# What strangers write


EVIL = "<img src='file:///etc/hostname'><b>bold</b>\n\r\u202e" + "x" * 5000


def test_words_of_strangers_are_shown_as_text_in_one_line(qtbot, page, server):
    repository = model(
        "ada/Evil-GGUF", files={"M-Q4_0.gguf": large_model(100)}, tags=["gguf", f"license:{EVIL}"]
    )
    repository.facts["gguf"]["architecture"] = EVIL
    server.add(repository)
    hub = look_for(qtbot, page, "evil")
    caption = cell(hub, 0, Column.MODEL).partition("|")[2]
    assert "\n" not in caption
    assert "\u202e" not in caption
    assert len(caption) < 200
    tip = hub.search.rows.index(0, 0).data(Qt.ItemDataRole.ToolTipRole)
    assert "<img" not in tip
    hub.open("ada/Evil-GGUF")
    await_header(qtbot, hub)
    assert "\n" not in hub.repository.head.facts


def test_a_server_cannot_name_a_repository_that_leads_elsewhere(qtbot, page, server):
    body = json.dumps({"id": "../../evil", "sha": "x", "siblings": []}).encode()
    server.faults.append(Fault(where="/api/models/ada/Nova", status=200, body=body))
    hub = look_for(qtbot, page, "ada/Nova")
    assert "is not what a Hub answers" in visible_words(hub.repository.fault)


CARD = b"""---
license: mit
---
<!-- secret --><div align="center"><img src="http://127.0.0.1:9/pixel.png"><h1>A title</h1></div>

Some *words*, [a link](https://example.test/page), [another](file:///etc/hostname) and
![a picture](http://127.0.0.1:9/other.png).

<script>alert(1)</script><a href="https://example.test/html"><b>In HTML</b></a>

```html
<b>code</b>
```
"""


def test_a_card_is_read_when_it_is_looked_at_and_shown_without_anything_from_elsewhere(
    qtbot, page, server, opened_links
):
    server.add(model("ada/M-GGUF", files={"M-Q4_0.gguf": large_model(100), "README.md": CARD}))
    hub = open_repository(qtbot, page, "ada/M-GGUF")
    assert not any("README" in request.path for request in server.requests)
    hub.repository.head.views[View.CARD].click()
    settle(qtbot)
    text = hub.repository.card.prose.toPlainText()
    assert text.startswith("A title")
    assert "Some words, a link, another and [a picture]." in text
    assert "In HTML" in text
    assert "<b>code</b>" in text
    assert not any(hidden in text for hidden in ("secret", "alert", "<div", "pixel"))
    hub.repository.card.prose.link_asked.emit("https://example.test/page")
    assert opened_links == []
    qtbot.waitUntil(lambda: len(page.notices.bars()) == 1)
    (bar,) = page.notices.bars()
    assert bar.hint == "https://example.test/page"
    hub.repository.card.prose.link_asked.emit("file:///etc/hostname")
    qtbot.waitUntil(lambda: "leads to nothing" in page.notices.bars()[0].sentence)


def test_without_a_card_that_is_said(qtbot, page, server):
    server.add(model("ada/M-GGUF", files={"M-Q4_0.gguf": large_model(100)}))
    hub = open_repository(qtbot, page, "ada/M-GGUF")
    hub.repository.head.views[View.CARD].click()
    settle(qtbot)
    assert "No model card" in visible_words(hub.repository.card)


def test_names_that_are_not_safe_are_left_out_and_that_is_told(qtbot, page, server):
    server.add(
        model("ada/M-GGUF", files={"M-Q4_0.gguf": large_model(100), "../M-Q8_0.gguf": large_model(101)})
    )
    hub = open_repository(qtbot, page, "ada/M-GGUF")
    assert [row.variant.label for row in hub.repository.rows] == ["Q4_0"]
    assert "not safe on every computer" in hub.repository.files.notes.text()


def test_a_repository_of_very_many_files_is_listed_in_part_and_that_is_told(qtbot, page, server):
    files = {f"M{number}-Q4_0.gguf": Hole(b"%d" % number, BILLION + number) for number in range(3000)}
    server.add(model("ada/Many-GGUF", files={**files, "M-Q4_K_M.gguf": large_model(100)}))
    hub = open_repository(qtbot, page, "ada/Many-GGUF")
    assert len(hub.repository.rows) == 1000
    assert "2,001 more files" in hub.repository.files.notes.text()
    assert all(row.judgement is not None for row in hub.repository.rows)


def test_all_of_it_can_be_reached_by_keyboard(qtbot, page, server):
    server.add(model("ada/M-GGUF", files={"M-Q4_0.gguf": large_model(100)}))
    qtbot.keyClick(page, Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
    qtbot.keyClicks(page.header.search, "m-gguf")
    qtbot.keyClick(page.header.search, Qt.Key.Key_Return)
    settle(qtbot)
    assert page.hub.search.list.hasFocus()
    qtbot.keyClick(page.hub.search.list, Qt.Key.Key_Return)
    await_header(qtbot, page.hub)
    assert page.hub.repository.files.list.hasFocus()
    qtbot.keyClick(page.hub.repository.files.list, Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
    assert page.hub.search.bar.words.hasFocus()
    qtbot.keyClick(page.hub.search.bar.words, Qt.Key.Key_Down)
    assert page.hub.search.list.hasFocus()


def test_pressing_a_row_and_letting_go_elsewhere_opens_nothing(qtbot, page, server):
    server.add(model("ada/M-GGUF"))
    hub = look_for(qtbot, page, "m")
    place = hub.search.list.visualRect(hub.search.rows.index(0, 0)).center()
    qtbot.mousePress(hub.search.list.viewport(), Qt.MouseButton.LeftButton, pos=place)
    qtbot.mouseRelease(hub.search.list.viewport(), Qt.MouseButton.LeftButton, pos=place + QPoint(0, 200))
    assert hub.currentWidget() is hub.search


# What has become of a file


SMALL = b"GGUF" + bytes(600_000)
"""Enough for a download to stall in."""


def file_button(hub: HubView, label: str) -> str:
    """What the button in a file's line says."""
    number = hub.repository.rows.index(row_of(hub, label))
    return hub.repository.files.rows.index(number, VariantColumn.ACTION).data()


def press_file_button(qtbot, hub: HubView, label: str) -> None:
    files = hub.repository.files
    index = files.rows.index(hub.repository.rows.index(row_of(hub, label)), 0)
    place = files.list.button_rect(index).center()
    qtbot.mouseClick(files.list.viewport(), Qt.MouseButton.LeftButton, pos=place)


def await_button(qtbot, hub: HubView, label: str, *words: str) -> None:
    qtbot.waitUntil(lambda: file_button(hub, label) in words, timeout=PATIENCE_MS)


@pytest.fixture
def small(qtbot, page, server) -> HubView:
    """A repository whose files come to a stop on their way."""
    files = {"M-Q4_K_M.gguf": SMALL, "M-Q8_0.gguf": SMALL + b"8", "mmproj-M-F16.gguf": SMALL + b"p"}
    server.add(model("ada/M-GGUF", files=files))
    hub = open_repository(qtbot, page, "ada/M-GGUF")
    server.faults.append(Fault(host="cdn", stall_at=100_000, times=-1))
    return hub


def test_the_button_of_a_file_tells_how_far_it_is_and_leads_to_the_downloads(qtbot, small, page):
    downloads = page.window().services.downloads
    assert file_button(small, "Q4_K_M") == "Get"
    press_file_button(qtbot, small, "Q4_K_M")
    qtbot.waitUntil(lambda: file_button(small, "Q4_K_M").endswith("%"), timeout=PATIENCE_MS)
    assert small.repository.files.details.button.text() == file_button(small, "Q4_K_M")
    assert "of 600 kB" in spoken(small, "Q4_K_M")
    (entry,) = downloads.entries
    downloads.pause(entry.id)
    await_button(qtbot, small, "Q4_K_M", "Paused")
    assert small.repository.files.details.button.text() == "Paused"
    with qtbot.waitSignal(page.downloads_requested):
        press_file_button(qtbot, small, "Q4_K_M")
    assert len(downloads.entries) == 1
    downloads.cancel(entry.id)
    await_button(qtbot, small, "Q4_K_M", "Get")


def test_the_button_of_a_file_that_has_come_chats_with_it(qtbot, small, page, server, folder):
    server.faults.clear()
    press_file_button(qtbot, small, "Q4_K_M")
    await_button(qtbot, small, "Q4_K_M", "Chat")
    assert file_button(small, "Q8_0") == "Get"
    with qtbot.waitSignal(page.chat_requested) as asked:
        press_file_button(qtbot, small, "Q4_K_M")
    path = folder.models / "ada" / "M-GGUF" / "M-Q4_K_M.gguf"
    assert asked.args == [path]
    page.window().show_page("settings")
    path.unlink()
    page.window().show_page("discover")
    await_button(qtbot, small, "Q4_K_M", "Get")


def test_what_cannot_be_chatted_with_is_told_to_be_here(qtbot, small, page, server):
    server.faults.clear()
    press_file_button(qtbot, small, "F16")
    await_button(qtbot, small, "F16", "Here")
    with qtbot.waitSignal(page.downloads_requested):
        press_file_button(qtbot, small, "F16")


def test_a_download_that_has_failed_says_so_and_why(qtbot, small, page, server):
    server.faults.clear()
    server.faults.append(Fault(host="cdn", status=404, times=-1))
    press_file_button(qtbot, small, "Q8_0")
    await_button(qtbot, small, "Q8_0", "Failed")
    (entry,) = page.window().services.downloads.entries
    assert entry.download.fault in spoken(small, "Q8_0")
    with qtbot.waitSignal(page.downloads_requested):
        press_file_button(qtbot, small, "Q8_0")


def test_another_file_of_the_same_size_and_name_elsewhere_is_not_taken_for_it(qtbot, page, server, folder):
    (folder.models / "M-Q4_K_M.gguf").write_bytes(SMALL)
    server.add(model("ada/M-GGUF", files={"M-Q4_K_M.gguf": SMALL}))
    hub = open_repository(qtbot, page, "ada/M-GGUF")
    assert file_button(hub, "Q4_K_M") == "Get"
