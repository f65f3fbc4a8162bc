"""Downloads: files from a server to their place on disk, whatever happens on the way, and the queue of them.

May import core and storage. Entries: `enqueue` and `DownloadStore` (what is wanted), `DownloadQueue` (does it);
`address.fetch_address` for a single file that needs no Hub.
"""

from app.downloads.content import Content
from app.downloads.enqueue import enqueue
from app.downloads.location import Location
from app.downloads.queue import DownloadQueue
from app.downloads.running import DownloadProgress, Locate, QueueChanged, forget
from app.downloads.speed_limit import SpeedLimit
from app.downloads.store import Download, DownloadFile, DownloadState, DownloadStore, WantedFile

__all__ = [
    "Content",
    "Download",
    "DownloadFile",
    "DownloadProgress",
    "DownloadQueue",
    "DownloadState",
    "DownloadStore",
    "Locate",
    "Location",
    "QueueChanged",
    "SpeedLimit",
    "WantedFile",
    "enqueue",
    "forget",
]
