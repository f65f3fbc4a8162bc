"""`nibble compare`: the same prompt to each model."""

from __future__ import annotations

import sys
from functools import partial
from typing import Annotated, Any

import typer

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
from app.compare import Comparison, MemoryPlanned, PaneAnswer, first_difference
from app.core.jobs import JobControl
from app.core.units import format_bytes, format_duration, format_rate
from app.library import LibraryEntry
from app.memory import Keeper, LoadPlan, Way
from app.storage import data_folder


@engine_command
def compare(
    models: Annotated[list[str], typer.Argument(help="Two to four models: paths, or names in the library.")],
    prompt: Annotated[str, typer.Option("-p", "--prompt", help="The prompt for all of them.")],
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
    as_json: JsonOption = False,
) -> None:
    """Give one prompt to several models, with the same seed and settings."""
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
    plans: list[LoadPlan] = []

    def take(event: object) -> None:
        if isinstance(event, MemoryPlanned):
            plans.append(event.plan)
            if event.plan.way is Way.IN_TURNS:
                print(event.plan.sentence, file=sys.stderr)

    with Comparison([entry.path for entry in entries], sampling, keeper, system, choose) as comparison:

        def work(control: JobControl) -> tuple[PaneAnswer, ...]:
            return comparison.ask(prompt, control)

        answers = run_job("compare", work, take)
        in_turns = any(plan.way is Way.IN_TURNS for plan in plans)
        at_once = 1 if in_turns else comparison.panes_at_once
    if as_json:
        print_json(
            {
                "prompt": prompt,
                "seed": sampling.seed,
                "panes_at_once": at_once,
                "panes": [_document(entry, answer) for entry, answer in zip(entries, answers, strict=True)],
                "divergence": _divergence(entries, answers),
            }
        )
    else:
        for entry, answer in zip(entries, answers, strict=True):
            print(_text(entry, answer))
    faults = [answer.fault for answer in answers if answer.fault is not None]
    for fault in faults:
        print_fault(fault)
    if faults:
        raise typer.Exit(EXIT_CANNOT)


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


def _divergence(entries: list[LibraryEntry], answers: tuple[PaneAnswer, ...]) -> dict[str, Any]:
    """Of each later pane's text from the first pane's; positions in characters."""
    reference = answers[0].text
    differences = [first_difference(reference, answer.text) for answer in answers[1:]]
    return {
        "reference": entries[0].name,
        "same_text": all(difference is None for difference in differences),
        "first_difference_characters": differences,
    }


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
