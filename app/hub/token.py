"""The access token: from the environment, from the system's keyring, or from `hf auth login`.

One that is typed into Nibble goes into the keyring and nowhere else. For which Hubs that has happened stands in a file
of ours, since only to look into a keyring takes as long as a small download, and some systems ask the person first.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import Enum

from app.core.errors import NoKeyring
from app.storage import data_folder
from app.storage.atomic import write_atomically

_SERVICE = "Nibble"
_USUAL_ENDPOINT = "https://huggingface.co"


class TokenSource(Enum):
    ENVIRONMENT = "environment"
    KEYRING = "keyring"
    LOGIN = "login"
    """`hf auth login`."""
    NONE = "none"
    SWITCHED_OFF = "switched off"
    """HF_HUB_DISABLE_IMPLICIT_TOKEN is set."""


@dataclass(frozen=True, slots=True)
class HubAccess:
    """How the Hub is asked from here, without the token itself.

    `is_usual`: `endpoint` is Hugging Face's own; `is_offline`: HF_HUB_OFFLINE is set; `is_kept`: there is a token in
    the keyring, whether or not it is the one that is used.
    """

    endpoint: str
    is_usual: bool
    is_offline: bool
    source: TokenSource
    has_keyring: bool
    is_kept: bool


def read_access() -> HubAccess:
    """May wait for the person, where the system asks before it opens its keyring. Raises what writing a file does."""
    from huggingface_hub import constants

    endpoint = constants.ENDPOINT
    try:
        kept, has_keyring = _read_keyring(endpoint), True
    except NoKeyring:
        kept, has_keyring = None, False
    if kept is not None:  # also where our file was lost
        _note(endpoint, is_kept=True)
    return HubAccess(
        endpoint,
        endpoint.rstrip("/") == _USUAL_ENDPOINT,
        constants.HF_HUB_OFFLINE,
        _source(kept),
        has_keyring,
        kept is not None,
    )


def _source(kept: str | None) -> TokenSource:
    """As `stored_token` chooses."""
    from huggingface_hub import constants, get_token

    if constants.HF_HUB_DISABLE_IMPLICIT_TOKEN:
        return TokenSource.SWITCHED_OFF
    if os.environ.get("HF_TOKEN"):
        return TokenSource.ENVIRONMENT
    if kept is not None:
        return TokenSource.KEYRING
    return TokenSource.LOGIN if get_token() else TokenSource.NONE


def stored_token(endpoint: str) -> str | None:
    """The token for the Hub at `endpoint`.

    What the environment says comes first, as everywhere; what a person typed here is newer than what `hf auth login`
    left. None where there is none or HF_HUB_DISABLE_IMPLICIT_TOKEN is set.
    """
    from huggingface_hub import constants, get_token

    if constants.HF_HUB_DISABLE_IMPLICIT_TOKEN:
        return None
    if os.environ.get("HF_TOKEN"):
        return get_token()
    return _kept_token(endpoint) or get_token()


def keep_token(endpoint: str, token: str) -> None:
    """Raises NoKeyring, also where the keyring forgets at once what it is given, and what writing a file does."""
    import keyring
    from keyring.errors import KeyringError

    try:
        keyring.set_password(_SERVICE, _host(endpoint), token.strip())
    except KeyringError:
        raise _no_keyring() from None
    if _read_keyring(endpoint) != token.strip():
        raise _no_keyring()
    _note(endpoint, is_kept=True)


def forget_token(endpoint: str) -> None:
    """Nothing happens where none is kept. Raises NoKeyring, and what writing a file does."""
    import keyring
    from keyring.errors import KeyringError, PasswordDeleteError

    try:
        keyring.delete_password(_SERVICE, _host(endpoint))
    except PasswordDeleteError:
        pass
    except KeyringError:
        raise NoKeyring(
            "The system's keyring does not let Nibble in.", "Remove the token with the keyring's own program."
        ) from None
    _note(endpoint, is_kept=False)


def _kept_token(endpoint: str) -> str | None:
    if _host(endpoint) not in _noted():
        return None
    try:
        return _read_keyring(endpoint)
    except NoKeyring:
        return None


def _read_keyring(endpoint: str) -> str | None:
    """Raises NoKeyring."""
    import keyring
    from keyring.errors import KeyringError

    try:
        return keyring.get_password(_SERVICE, _host(endpoint)) or None
    except KeyringError:
        raise _no_keyring() from None


def _noted() -> set[str]:
    """The hosts for which there is a token in the keyring."""
    try:
        return set(data_folder().hubs_in_keyring.read_text(encoding="utf-8").splitlines())
    except (OSError, UnicodeDecodeError):
        return set()


def _note(endpoint: str, *, is_kept: bool) -> None:
    before = _noted()
    after = before | {_host(endpoint)} if is_kept else before - {_host(endpoint)}
    if after != before:
        notes = data_folder().create().hubs_in_keyring
        write_atomically(notes, "".join(f"{host}\n" for host in sorted(after)).encode())


def _no_keyring() -> NoKeyring:
    return NoKeyring(
        "This system has no keyring that Nibble could keep the token in.",
        "Log in with the command hf auth login instead, or set HF_TOKEN.",
    )


def _host(endpoint: str) -> str:
    # A token typed for one Hub is not for another.
    return endpoint.partition("://")[2].partition("/")[0]
