"""`nibble compare`: the same prompt to each model."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from app.cli.compare_divergence import ModelDivergence, document, measure, sentence
from app.cli.compare_report import session_of
from app.cli.loading import (
    ContextOption,
    DevicesOption,
    ExpertsOption,
    FlashAttentionOption,
    GpuLayersOption,
    KvOption,
    LoadModeOption,
    LoraOption,
    SplitOption,
    ThreadsOption,
    UbatchOption,
    choices_with,
)
from app.cli.models import chat_model_named
from app.cli.running import EXIT_CANNOT, JsonOption, engine_command, print_fault, print_json, run_job
from app.cli.sampling import MaxTokensOption, SeedOption, SystemOption, TemperatureOption, sampling_from
from app.cli.terminal import printable
from app.compare import Comparison, MemoryPlanned, PaneAnswer
from app.compare.prompt_sets import ComparePrompt, prompt_set_names, read_prompt_set, shipped_prompt_set
from app.compare.report import write_report
from app.compare.session_store import SessionStore
from app.core.jobs import JobControl
from app.core.units import format_bytes, format_duration, format_rate
from app.library import LibraryEntry
from app.memory import Keeper, Way
from app.storage import data_folder


@engine_command
def compare(
    models: Annotated[list[str], typer.Argument(help="Two to five models: paths, or names in the library.")],
    prompt: Annotated[str | None, typer.Option("-p", "--prompt", help="The prompt for all of them.")] = None,
    prompts: Annotated[
        str | None,
        typer.Option(
            "--prompts",
            help="Many prompts, each by itself: a file with one a line, or of what Nibble brings along"
            f" {', '.join(prompt_set_names())}.",
        ),
    ] = None,
    system: SystemOption = "",
    seed: SeedOption = None,
    temperature: TemperatureOption = 0.8,
    max_tokens: MaxTokensOption = 0,
    context: ContextOption = None,
    kv: KvOption = None,
    gpu_layers: GpuLayersOption = None,
    expert_layers_on_cpu: ExpertsOption = None,
    devices: DevicesOption = None,
    split: SplitOption = None,
    flash_attention: FlashAttentionOption = None,
    threads: ThreadsOption = None,
    ubatch: UbatchOption = None,
    load_mode: LoadModeOption = None,
    lora: LoraOption = None,
    one_after_another: Annotated[
        bool,
        typer.Option(
            "--one-after-another/--at-once",
            help="Never two models beside each other, so that each is as fast as it is alone.",
        ),
    ] = False,
    report: Annotated[
        Path | None,
        typer.Option("--report", help="Also write a report there: a page (.html) or JSON (.json)."),
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep it, to be opened in the window or by `nibble comparisons`.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Give the same prompts to several models, with the same seed and settings, and tell where they part ways."""
    asked = _prompts(prompt, prompts)
    entries = [chat_model_named(model) for model in models]
    sampling = sampling_from(seed, temperature, max_tokens)
    keeper = Keeper(data_folder().create().database)
    choose = partial(
        choices_with,
        context=context,
        kv=kv,
        gpu_layers=gpu_layers,
        expert_layers_on_cpu=expert_layers_on_cpu,
        devices=devices,
        split=split,
        flash_attention=flash_attention,
        threads=threads,
        ubatch=ubatch,
        load_mode=load_mode,
        lora=lora,
    )

    def take(event: object) -> None:
        if isinstance(event, MemoryPlanned) and event.plan.way is Way.IN_TURNS:
            print(event.plan.sentence, file=sys.stderr)

    paths = [entry.path for entry in entries]
    with Comparison(
        paths, sampling, keeper, system, choose, one_after_another=one_after_another
    ) as comparison:

        def work(control: JobControl) -> tuple[list[tuple[PaneAnswer, ...]], list[list[ModelDivergence]]]:
            answers = comparison.ask_each([each.text for each in asked], control)
            return answers, measure(comparison, answers, control)

        answers, divergences = run_job("compare", work, take)
        at_once = comparison.panes_at_once
        threads_per_pane = comparison.threads_per_pane
    found = list(zip(asked, answers, divergences, strict=True))
    session = session_of(entries, sampling, found)
    if keep:
        with SessionStore(keeper.database) as store:
            print(f"Kept as comparison {store.keep(session)}.", file=sys.stderr)
    if report is not None:
        write_report(session, report)
    results = [_Result(*each) for each in found]
    if as_json:
        settings = {"seed": sampling.seed, "panes_at_once": at_once, "threads_per_pane": threads_per_pane}
        documents = [result.document(entries) for result in results]
        print_json(
            settings
            | (documents[0] if prompts is None else {"prompts": documents, **_right(entries, results)})
        )
    else:
        for result in results:
            result.print(entries)
    faults = [answer.fault for given in answers for answer in given if answer.fault is not None]
    for fault in faults:
        print_fault(fault)
    if faults:
        raise typer.Exit(EXIT_CANNOT)


def _prompts(prompt: str | None, prompts: str | None) -> list[ComparePrompt]:
    if (prompt is None) == (prompts is None):
        raise typer.BadParameter("Give either --prompt or --prompts.")
    if prompt is not None:
        return [ComparePrompt(prompt)]
    assert prompts is not None
    if prompts in prompt_set_names():
        return list(shipped_prompt_set(prompts).prompts)
    return list(read_prompt_set(Path(prompts)).prompts)


@dataclass(frozen=True)
class _Result:
    """What the models gave for one prompt."""

    prompt: ComparePrompt
    answers: tuple[PaneAnswer, ...]
    divergences: list[ModelDivergence]

    def document(self, entries: list[LibraryEntry]) -> dict[str, Any]:
        return {
            "prompt": self.prompt.text,
            "panes": [
                _document(entry, answer) | {"right": self.prompt.is_right(answer.text)}
                for entry, answer in zip(entries, self.answers, strict=True)
            ],
            "divergence": document(entries, self.answers, self.divergences),
        }

    def print(self, entries: list[LibraryEntry]) -> None:
        for entry, answer in zip(entries, self.answers, strict=True):
            print(_text(entry, answer))
        for entry, divergence in zip(entries[1:], self.divergences, strict=True):
            print(printable(sentence(entry, entries[0], divergence), lines=False))


def _right(entries: list[LibraryEntry], results: list[_Result]) -> dict[str, Any]:
    """How many answers of each model have all facts, of those prompts of which facts are known."""
    judged = [result for result in results if result.prompt.facts]
    return {
        "judged": len(judged),
        "right": [
            sum(bool(result.prompt.is_right(result.answers[index].text)) for result in judged)
            for index in range(len(entries))
        ],
    }


def _document(entry: LibraryEntry, answer: PaneAnswer) -> dict[str, Any]:
    document: dict[str, Any] = {
        "model": entry.name,
        "path": str(entry.path),
        "quantization": entry.quantization,
        "file_bytes": entry.file_bytes,
        "text": answer.text,
        "problem": str(answer.fault) if answer.fault else None,
    }
    statistics = answer.statistics
    if statistics is not None:
        document |= {
            "prompt_tokens": statistics.prompt_tokens,
            "tokens": statistics.tokens,
            "time_to_first_token_s": statistics.time_to_first_token_s,
            "prompt_tokens_per_s": statistics.prompt_tokens_per_s,
            "tokens_per_s": statistics.tokens_per_s,
            "memory_bytes": statistics.memory_bytes,
            "finish_reason": statistics.finish_reason,
        }
    return document


def _text(entry: LibraryEntry, answer: PaneAnswer) -> str:
    size = format_bytes(entry.file_bytes) if entry.file_bytes is not None else ""
    head = printable(f"── {entry.name}  {entry.quantization or ''}  {size}", lines=False)
    text = printable(answer.text, lines=True)
    if answer.statistics is None:
        return f"{head}\n{text}\n"
    statistics = answer.statistics
    return (
        f"{head}\n{text}\n"
        f"[{statistics.tokens} tokens, {format_rate(statistics.tokens_per_s)}, "
        f"first token after {format_duration(statistics.time_to_first_token_s)}, "
        f"{format_bytes(statistics.memory_bytes)} in use]\n"
    )
