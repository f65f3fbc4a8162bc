"""Models on disk, tiny ones and the guide, and, where a module shares one, in a worker.

Nothing here loads llama.cpp in this process.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import gguf
import psutil
import pytest

import resources
from app.chat import ChatEngine, ConversationStore
from app.core.jobs import CancelToken, JobControl
from app.guide import make_guide
from app.memory import Keeper
from app.runtime import LoadedModel, LoadSettings
from app.storage import DataFolder
from tests.helpers.tiny_gguf import CHATML, tiny_vocabulary, write_tiny_model

CONTEXT = 512

# Workers share these cores with other workers: threads that wait for each other must not burn them.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")


@pytest.fixture(autouse=True)
def no_worker_left_behind() -> Iterator[None]:
    """A worker that outlives the test that started it is a leak."""
    before = set(psutil.Process().children(recursive=True))
    yield
    left = [child for child in psutil.Process().children(recursive=True) if child not in before]
    _, alive = psutil.wait_procs(left, timeout=5)
    for child in alive:
        child.kill()
    assert alive == []


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="session")
def tiny(models: Path) -> Path:
    """F32, ChatML, answers of whole characters that never end by themselves; its logits lie far apart."""
    return write_tiny_model(
        models / "tiny-f32.gguf", chat_template=CHATML, context=4096, never_ends=True, scale=2.0
    )


@pytest.fixture(scope="session")
def ending(models: Path) -> Path:
    """Ends its answers after some tokens: the end-of-generation token is a likely one at any place."""
    return favour(
        "</s>", 0.5, write_tiny_model(models / "ending.gguf", chat_template=CHATML, never_ends=True)
    )


@pytest.fixture(scope="session")
def silent(models: Path) -> Path:
    """Ends every answer before its first word."""
    return favour(
        "</s>", 64.0, write_tiny_model(models / "silent.gguf", chat_template=CHATML, never_ends=True)
    )


@pytest.fixture(scope="session")
def heavy(models: Path) -> Path:
    """Takes seconds to read a long prompt, and long enough to load to be stopped on the way."""
    return write_tiny_model(
        models / "heavy-f16.gguf",
        hidden=512,
        layers=10,
        heads=8,
        kv_heads=4,
        feed_forward=2048,
        context=4096,
        type="f16",
        chat_template=CHATML,
        never_ends=True,
    )


@pytest.fixture(scope="session")
def guide(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The guide of this repository in a quantization, made once: `guide("Q4_K_M")`. Not to be changed.

    For what random weights would prove too little. The first costs half a second of a core, each
    further one half a second to two.
    """
    if not resources.guide_checkpoint().exists():
        pytest.skip("the guide's checkpoint is not in this repository yet")
    data = DataFolder(tmp_path_factory.mktemp("guide"))

    @functools.cache
    def made(quantization: str) -> Path:
        return make_guide(data, [quantization], JobControl(CancelToken(), lambda event: None))[0]

    return made


@pytest.fixture(scope="module")
def model(tiny: Path) -> Iterator[LoadedModel]:
    with LoadedModel.load(tiny, LoadSettings(context_length=CONTEXT, threads=1)) as loaded:
        yield loaded


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "nibble.db"


@pytest.fixture
def store(database: Path) -> Iterator[ConversationStore]:
    with ConversationStore(database) as store:
        yield store


@pytest.fixture
def engine(database: Path) -> Iterator[ChatEngine]:
    engine = ChatEngine(database, Keeper(database))
    yield engine
    engine.close()


def favour(token: str, weight: float, path: Path) -> Path:
    """Changes a model made with `never_ends`: channel 0, a constant there, now speaks for `token`."""
    reader = gguf.GGUFReader(path, "r+")
    output = next(tensor for tensor in reader.tensors if tensor.name == "output.weight")
    output.data[tiny_vocabulary().tokens.index(token), 0] = weight
    reader.data.flush()
    return path
