"""`nibble pull`: a model from the Hugging Face Hub into the library."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from app.cli.numbers import LimitOption, bytes_per_s
from app.cli.running import JsonOption, engine_command, print_fault, print_json, run_job
from app.cli.terminal import printable
from app.core.errors import Cancelled, EnvironmentFault, UnknownModel
from app.core.jobs import CancelToken, Emitted, JobControl
from app.core.units import format_bytes
from app.downloads import (
    Download,
    DownloadProgress,
    DownloadQueue,
    DownloadState,
    DownloadStore,
    SpeedLimit,
)
from app.downloads.targets import target_of
from app.hub import (
    Hub,
    HubReference,
    Variant,
    choose_variant,
    enqueue_variant,
    locate_on,
    open_hub,
    open_repository,
    parse_reference,
)
from app.storage import DataFolder, data_folder


@engine_command
def pull(
    model: Annotated[
        str, typer.Argument(help="owner/repo, owner/repo:QUANT or owner/repo:path/to/file.gguf on the Hub.")
    ],
    limit: LimitOption = None,
    as_json: JsonOption = False,
) -> None:
    """Download a model; Ctrl+C pauses it, and the same command goes on."""
    wanted = parse_reference(model)
    if wanted is None:
        raise UnknownModel(
            f"{model} is not the name of a model on the Hub.", "Write it as owner/repo or owner/repo:QUANT."
        )
    data = data_folder().create()
    speed = SpeedLimit(bytes_per_s(limit, data))

    def work(control: JobControl) -> tuple[Variant, Download | None]:
        control.progress("Asking the Hub")
        hub = open_hub()
        with closing(DownloadStore(data.database)) as store:
            variant, id = _enqueue(hub, wanted, store, data, control.cancel)
            _run(hub, id, store, data, speed, control)
            return variant, store.find(id)

    variant, found = run_job(f"pull {model}", work)
    download = _arrived(found)
    paths = [target_of(download.folder, file.path) for file in download.files]
    if as_json:
        print_json(_document(variant, download, paths))
    else:
        path = printable(str(paths[0]), lines=False)
        print(f"{path}  {variant.label}  {format_bytes(download.size)}")


def _enqueue(
    hub: Hub, wanted: HubReference, store: DownloadStore, data: DataFolder, cancel: CancelToken
) -> tuple[Variant, int]:
    repository = open_repository(hub, wanted.repository, cancel)
    variant = choose_variant(repository, wanted.choice)
    return variant, enqueue_variant(store, repository, variant, data.models)


def _run(
    hub: Hub, id: int, store: DownloadStore, data: DataFolder, limit: SpeedLimit, control: JobControl
) -> None:
    def told(event: object) -> None:
        if isinstance(event, Emitted) and isinstance(event.value, DownloadProgress):
            control.progress(event.value.stage, event.value.received_bytes, event.value.size, "bytes")

    try:
        DownloadQueue(data.database, locate_on(hub), limit).run_one(id, JobControl(control.cancel, told))
    except Cancelled:
        left = store.find(id)
        if left is not None and not left.is_running:  # or else a window would go on with it
            store.set_state(id, DownloadState.PAUSED)
        raise


def _arrived(found: Download | None) -> Download:
    """Raises Cancelled where it was paused or taken out of the queue by another process."""
    if found is not None and found.state is DownloadState.DONE:
        return found
    stopped = "paused" if found is not None and found.state is DownloadState.PAUSED else "cancelled"
    print_fault(EnvironmentFault(f"The download was {stopped} from elsewhere.", "The same command goes on."))
    raise Cancelled


def _document(variant: Variant, download: Download, paths: list[Path]) -> dict[str, object]:
    return {
        "model": f"{download.repository}:{variant.label}",
        "quantization": variant.quantization,
        "path": str(paths[0]),
        "files": [str(path) for path in paths],
        "file_bytes": download.size,
    }
