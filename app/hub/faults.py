"""From what an HTTP request can come to, to faults with a sentence and a next step."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from app.core.errors import (
    EnvironmentFault,
    GatedRepository,
    HubBusy,
    HubFault,
    NotOnHub,
    OfflineWished,
    RateLimited,
    TokenRefused,
)
from app.core.units import format_duration
from app.downloads.network_faults import proxy_refuses
from app.downloads.retry_after import retry_after_s

if TYPE_CHECKING:
    import httpx2

_INVALID_TOKEN = "Invalid credentials"
_LONGEST_QUOTE = 200
_PROXY_AUTHENTICATION_REQUIRED = 407


def offline_wished() -> OfflineWished:
    return OfflineWished(
        "HF_HUB_OFFLINE is set, so the Hugging Face Hub is not asked.",
        "Unset it, or choose a model that is already here.",
    )


def refusal(
    response: httpx2.Response, endpoint: str, token: str | None, subject: str, repository: str
) -> EnvironmentFault:
    """The fault behind a status of 400 or more.

    `subject`: what was asked for, e.g. a repository's name; `repository` is empty where there is none.
    """
    status = response.status_code
    if status == _PROXY_AUTHENTICATION_REQUIRED:
        return proxy_refuses()
    code = response.headers.get("X-Error-Code", "")
    told = _without_token(response.headers.get("X-Error-Message", ""), token)
    if code == "GatedRepo":
        return _gated(f"{endpoint}/{repository}", repository, logged_in=token is not None)
    if token is not None and (
        status == 403 or (status == 401 and (told.startswith(_INVALID_TOKEN) or not code))
    ):
        return TokenRefused(
            "The Hub does not accept your access token."
            if status == 401
            else f"The Hub does not accept your access token for {subject}.",
            f"Make a new one on {endpoint}/settings/tokens, or log out.",
        )
    if status in (401, 404) or code in ("RepoNotFound", "EntryNotFound", "RevisionNotFound"):
        hint = (
            "Check the name." if token else "Check the name; if it is private, log in first (hf auth login)."
        )
        return NotOnHub(f"{subject} is not on the Hub.", hint)
    if status == 429:
        return _rate_limited(response)
    if status >= 500:
        return HubBusy(
            f"The Hub has a problem of its own (it answers {status}).", "Try again in a few minutes."
        )
    quoted = f": {told}" if told else ""
    return HubFault(
        f"The Hub refuses the request for {subject} (it answers {status}{quoted}).", "Try another one."
    )


def not_understood(subject: str) -> HubFault:
    return HubFault(
        f"What the server answers about {subject} is not what a Hub answers.",
        "If HF_ENDPOINT is set, check it; else try again later.",
    )


def _gated(page: str, repository: str, *, logged_in: bool) -> GatedRepository:
    if logged_in:
        return GatedRepository(
            f"{repository} is gated, and your account has no access to it yet.",
            f"Ask for it on {page}.",
            page=page,
        )
    return GatedRepository(
        f"{repository} is gated: its authors want you to accept their conditions first.",
        f"Accept them on {page}, then log in: hf auth login, or a token in the settings.",
        page=page,
    )


def _rate_limited(response: httpx2.Response) -> RateLimited:
    wait_s = retry_after_s(response.headers)
    when = f"in {format_duration(max(round(wait_s), 10))}" if wait_s is not None else "in a few minutes"
    return RateLimited(
        "The Hub has been asked too often from here.",
        f"Try again {when}; who is logged in may ask more often.",
        retry_after_s=wait_s,
    )


def _without_token(text: str, token: str | None) -> str:
    text = text.replace(token, "…") if token else text
    return re.sub(r"hf_\w+", "…", text)[:_LONGEST_QUOTE].rstrip(". ")
