"""`nibble bench`: how fast a model is here, as llama-bench measures it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from app.cli.loading import load_as_recommended
from app.cli.models import chat_model_named
from app.cli.running import JsonOption, engine_command, print_json, run_job
from app.cli.terminal import printable
from app.core.units import format_rate
from app.gguf import read_facts
from app.measure import Rate, Speed, measure_speed
from app.memory import Load
from app.runtime import LoadSettings
from app.storage import data_folder

MOST_TOKENS = 1 << 20


@engine_command
def bench(
    model: Annotated[str, typer.Argument(help="A path to a .gguf file, a name in the library, or guide.")],
    prompt: Annotated[
        int, typer.Option(min=0, max=MOST_TOKENS, help="Tokens of the prompt; 0 to leave it out.")
    ] = 512,
    generate: Annotated[
        int, typer.Option(min=0, max=MOST_TOKENS, help="Tokens to generate; 0 to leave that out.")
    ] = 128,
    repetitions: Annotated[int, typer.Option(min=1, max=1000, help="How often each is measured.")] = 5,
    threads: Annotated[
        int, typer.Option(min=0, max=512, help="Threads of the processor; 0 for one per core.")
    ] = 0,
    as_json: JsonOption = False,
) -> None:
    """Measure how fast a model evaluates a prompt and generates, with random tokens."""
    if not prompt and not generate:
        raise typer.BadParameter("nothing to measure: --prompt and --generate are both 0")
    entry = chat_model_named(model)
    facts = read_facts(entry.path)
    settings = LoadSettings(context_length=max(prompt, generate), threads=threads)
    database = data_folder().create().database
    _, loaded = run_job("load", lambda control: load_as_recommended(Load(facts, settings), database, control))
    with loaded:
        speed = run_job(
            "bench", lambda control: measure_speed(loaded, prompt, generate, repetitions, control)
        )
    if as_json:
        print_json({"model": entry.name, "repetitions": repetitions, **_document(speed)})
    else:
        print(printable(f"{entry.name}, {repetitions} times each", lines=False))
        for name, rate in (("Prompt", speed.prompt), ("Generate", speed.generate)):
            if rate is not None:
                print(f"{name:<9} {rate.tokens:>6} tokens  {_told(rate)}")


def _told(rate: Rate) -> str:
    return f"{format_rate(rate.mean)} ± {rate.deviation:.1f}"


def _document(speed: Speed) -> dict[str, Any]:
    return {**_figures("prompt", speed.prompt), **_figures("generate", speed.generate)}


def _figures(what: str, rate: Rate | None) -> dict[str, Any]:
    if rate is None:
        return {}
    return {
        f"{what}_tokens": rate.tokens,
        f"{what}_tokens_per_s": rate.mean,
        f"{what}_tokens_per_s_stddev": rate.deviation,
        f"{what}_tokens_per_s_samples": list(rate.samples),
    }
