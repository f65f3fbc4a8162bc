"""The Hugging Face Hub: searching it, what a repository holds, and a model's header without its weights.

May import everything below it down to `app.core`; huggingface_hub is imported by the functions that ask, since that
takes a second. Main entries: `open_hub` (endpoint, token, proxies and certificates as huggingface_hub has them), then
`search` for models, `open_repository` for the files of one, grouped into variants, `read_remote_facts` for a variant's
header by ranges, and `parse_reference` with `choose_variant` for `owner/repo:QUANT`.
"""

from app.hub.card import ModelCard, read_card
from app.hub.client import Hub, open_hub
from app.hub.facts import read_remote_facts, write_remote_ghost
from app.hub.getting import enqueue_original, enqueue_variant, folder_of, locate_on
from app.hub.original import OriginalCheckpoint, read_original
from app.hub.reference import HubReference, choose_variant, parse_reference
from app.hub.repository import HubRepository, open_repository
from app.hub.search import FoundModel, FoundPage, Search, search, search_page
from app.hub.token import HubAccess, TokenSource, forget_token, keep_token, read_access
from app.hub.variants import HubFile, Variant

__all__ = [
    "FoundModel",
    "FoundPage",
    "Hub",
    "HubAccess",
    "HubFile",
    "HubReference",
    "HubRepository",
    "ModelCard",
    "OriginalCheckpoint",
    "Search",
    "TokenSource",
    "Variant",
    "choose_variant",
    "enqueue_original",
    "enqueue_variant",
    "folder_of",
    "forget_token",
    "keep_token",
    "locate_on",
    "open_hub",
    "open_repository",
    "parse_reference",
    "read_access",
    "read_card",
    "read_original",
    "read_remote_facts",
    "search",
    "search_page",
    "write_remote_ghost",
]
