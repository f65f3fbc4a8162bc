"""How the Chat page says where a loaded model runs."""

from __future__ import annotations

from collections import Counter

from PySide6.QtCore import QCoreApplication

from app.memory import Spread
from app.ui.computer import short_name


def spread_words(spread: Spread) -> str:
    """`28 of 37 layers on GeForce RTX 4060`."""
    devices = _tr(" and ").join(
        name if count == 1 else _tr("{n} × {device}").format(n=count, device=name)
        for name, count in Counter(map(short_name, spread.accelerators)).items()
    )
    if not spread.offloaded:
        return _tr("Runs on the processor")
    if spread.offloaded < spread.layers:
        words = _tr("{n} of {layers} layers on {devices}")
        return words.format(n=spread.offloaded, layers=spread.layers, devices=devices)
    if spread.expert_layers_in_memory:
        words = _tr("Experts of {n} layers in memory, all else on {devices}")
        return words.format(n=spread.expert_layers_in_memory, devices=devices)
    return _tr("Runs on {devices}").format(devices=devices)


def spread_explained(spread: Spread) -> str:
    if spread.is_whole:
        return _tr("All of the model is on the GPU, where it is fastest.")
    if not spread.offloaded:
        return _tr("The GPU has too little free memory for a part of the model.")
    return _tr(
        "What has no room on the GPU is in main memory, where the processor works on it, which is slower."
    )


def _tr(text: str) -> str:
    return QCoreApplication.translate("ChatPage", text)
