"""`nibble chat`: one answer, or a conversation on a terminal. Nothing of it is kept."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Literal

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
    load_as_recommended,
)
from app.cli.models import chat_model_named
from app.cli.presets import RECOMMENDED, PresetOption, preset_named, with_preset
from app.cli.running import JsonOption, engine_command, print_fault, print_json, run_job
from app.cli.sampler_options import sampler_options, with_choices
from app.cli.sampling import MaxTokensOption, SeedOption, SystemOption, TemperatureOption, sampling_from
from app.cli.template_options import EffortOption, ThinkingOption, ToolsOption, template_options
from app.cli.terminal import printable
from app.core.errors import Cancelled, EnvironmentFault
from app.core.jobs import JobControl
from app.core.units import format_duration, format_rate
from app.gguf import read_facts
from app.recommend.choices import read_choices, wanted_load
from app.recommend.runs import remember_run
from app.runtime import ChatMessage, Generation, LoadedModel, Sampling, TemplateOptions
from app.runtime.model import NO_OPTIONS
from app.runtime.protocol import GenerationStatistics, Piece, TokenProbability, WhenFull
from app.runtime.sampling_limits import MOST_TOP_PROBABILITIES
from app.storage import data_folder


@engine_command
@sampler_options
def chat(
    invocation: typer.Context,
    model: Annotated[str, typer.Argument(help="A path to a .gguf file, a name in the library, or guide.")],
    prompt: Annotated[str | None, typer.Option("-p", "--prompt", help="Answer this and end.")] = None,
    system: SystemOption = "",
    seed: SeedOption = None,
    temperature: TemperatureOption = 0.8,
    max_tokens: MaxTokensOption = 0,
    preset: PresetOption = RECOMMENDED,
    top_probabilities: Annotated[
        int,
        typer.Option(
            "--top-probabilities",
            min=0,
            max=MOST_TOP_PROBABILITIES,
            help="With --json: how probable each token was, and this many of the likeliest.",
        ),
    ] = 0,
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
    thinking: ThinkingOption = None,
    effort: EffortOption = "",
    tools: ToolsOption = None,
    when_full: Annotated[
        Literal["stop", "drop-oldest"],
        typer.Option(
            "--when-full",
            help="Where a conversation outgrows the context: stop and say so, or leave out its oldest turns.",
        ),
    ] = "stop",
    as_json: JsonOption = False,
    *,
    samplers: Sampling,
) -> None:
    """Chat with a model."""
    if as_json and prompt is None:
        raise typer.BadParameter("--json needs a prompt (-p)", param_hint="--json")
    entry = chat_model_named(model)
    facts = read_facts(entry.path)
    basic = sampling_from(seed, temperature, max_tokens)
    said = with_choices(samplers, basic.seed, basic.temperature, basic.max_tokens)
    options = template_options(thinking, effort, tools)
    opening = [ChatMessage("system", system)] if system else []
    database = data_folder().create().database
    sampling = with_preset(preset_named(preset, facts, database), said, invocation)
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
    wanted = wanted_load(facts, choose(read_choices(database, entry.path)))
    load, loaded = run_job("load", lambda control: load_as_recommended(wanted, database, control))
    with loaded:
        remember = partial(remember_run, database, facts, load.settings, loaded.description)
        if prompt is None:
            drops = when_full == "drop-oldest"
            _converse(loaded, opening, sampling, remember, options, "drop_oldest" if drops else "stop")
            return
        messages = [*opening, ChatMessage("user", prompt)]
        if as_json:
            generation = _answer(loaded, messages, sampling, lambda piece: None, options, top_probabilities)
            layers = Counter(loaded.description.buffers.layer_devices)
            print_json({"model": entry.name, **_document(generation), "layers": dict(layers)})
        else:
            generation = _answer(loaded, messages, sampling, _print_piece, options)
            _print_calls(generation)
            _print_statistics(generation)
        remember(generation.statistics)


def _converse(
    model: LoadedModel,
    messages: list[ChatMessage],
    sampling: Sampling,
    remember: Callable[[GenerationStatistics], None],
    options: TemplateOptions,
    when_full: WhenFull,
) -> None:
    interactive = sys.stdin.isatty()
    if interactive:
        print("Ctrl+C stops an answer, Ctrl+D ends the conversation.", file=sys.stderr)
    while True:
        try:
            line = input("> " if interactive else "")
        except EOFError:
            return
        if not line.strip():
            continue
        pieces: list[str] = []

        def show(piece: Piece, pieces: list[str] = pieces) -> None:
            if piece.kind == "answer":
                pieces.append(piece.text)
            _print_piece(piece)

        messages.append(ChatMessage("user", line))
        try:
            generation = _answer(model, messages, sampling, show, options, when_full=when_full)
        except (KeyboardInterrupt, Cancelled):
            print()
            if pieces:  # the person has read it, and may ask about it
                messages.append(ChatMessage("assistant", "".join(pieces)))
            else:
                messages.pop()
            continue
        except EnvironmentFault as fault:
            if pieces:
                print()
            messages.pop()
            if not model.alive:
                raise
            print_fault(fault)
            continue
        _print_calls(generation)
        messages.append(generation.message)
        _print_statistics(generation)
        remember(generation.statistics)


def _answer(
    model: LoadedModel,
    messages: list[ChatMessage],
    sampling: Sampling,
    show: Callable[[Piece], None],
    options: TemplateOptions = NO_OPTIONS,
    top_probabilities: int = 0,
    when_full: WhenFull = "stop",
) -> Generation:
    def work(control: JobControl) -> Generation:
        for event in model.generate(
            messages,
            sampling,
            control.cancel,
            options,
            top_probabilities=top_probabilities,
            when_full=when_full,
        ):
            if isinstance(event, Piece):
                control.emit(event)
            elif isinstance(event, Generation):
                return event
        raise AssertionError("generate() ends with a Generation")

    def show_piece(value: object) -> None:
        assert isinstance(value, Piece)
        show(value)

    return run_job("answer", work, show_piece)


def _print_piece(piece: Piece) -> None:
    """What the model thinks is not its answer, so that it does not end where the answer is sent to."""
    stream = sys.stdout if piece.kind == "answer" else sys.stderr
    print(printable(piece.text, lines=True), end="", flush=True, file=stream)


def _print_calls(generation: Generation) -> None:
    """The end of the answer, and below it what the model wants to have called."""
    calls = [printable(f"{call.name}({call.arguments})", lines=False) for call in generation.tool_calls]
    print("\n".join(["", *calls] if generation.text else calls or [""]))


def _print_statistics(generation: Generation) -> None:
    statistics = generation.statistics
    print(
        f"[{statistics.tokens} tokens, {format_rate(statistics.tokens_per_s)}, "
        f"first token after {format_duration(statistics.time_to_first_token_s)}, seed {statistics.seed}]",
        file=sys.stderr,
    )
    if (left_out := statistics.dropped_messages) > 0:
        what = "message was" if left_out == 1 else f"{left_out} messages were"
        print(f"[the first {what} left out: the context is full]", file=sys.stderr)


def _document(generation: Generation) -> dict[str, Any]:
    statistics = generation.statistics
    document = {
        "text": generation.text,
        "reasoning": generation.reasoning,
        "tool_calls": [
            {"name": call.name, "arguments": json.loads(call.arguments), "id": call.id}
            for call in generation.tool_calls
        ],
        "prompt_tokens": statistics.prompt_tokens,
        "tokens": statistics.tokens,
        "time_to_first_token_s": statistics.time_to_first_token_s,
        "prompt_tokens_per_s": statistics.prompt_tokens_per_s,
        "tokens_per_s": statistics.tokens_per_s,
        "memory_bytes": statistics.memory_bytes,
        "seed": statistics.seed,
        "finish_reason": statistics.finish_reason,
    }
    if generation.probabilities:
        document["probabilities"] = [
            {**_probability(choice.chosen), "likeliest": [_probability(each) for each in choice.likeliest]}
            for choice in generation.probabilities
        ]
    return document


def _probability(token: TokenProbability) -> dict[str, Any]:
    """`bytes`, since a token may be a part of a character."""
    return {
        "token": token.token,
        "text": token.text.decode("utf-8", "replace"),
        "bytes": list(token.text),
        "log_probability": token.log_probability,
    }
