"""Devices of other computers: where llama.cpp's RPC servers are, and whether one could be used now.

A person names them in the environment, `NIBBLE_RPC_SERVERS=host:port,host:port`. Nothing is spoken with anybody else.
llama.cpp ends its process where a server does not listen or has another version, and waits for ever for one that is
busy, since a server works for one process at a time: so each is asked first, in its own protocol.
"""

from __future__ import annotations

import os
import re
import socket
import struct
import time
from collections.abc import Mapping

from app.core.text import encodable

VARIABLE = "NIBBLE_RPC_SERVERS"
MOST_SERVERS = 16
"""As llama.cpp has it (GGML_RPC_MAX_SERVERS)."""

PROTOCOL = 7
"""RPC_PROTO_MAJOR_VERSION of the llama.cpp in the bindings' version."""

PATIENCE_S = 2.0
_HELLO = struct.pack("<BQ24x", 14, 24)
"""RPC_CMD_HELLO and what this end can do beside TCP: nothing."""

_PORT = re.compile(r"[0-9]{1,5}")
_REPLY = struct.Struct("<QBBB")
"""How long the reply is, and the server's version."""


def rpc_servers(environment: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """Those that a person has named, as "host:port"."""
    named = (part.strip() for part in environment.get(VARIABLE, "").split(","))
    return tuple(dict.fromkeys(name for name in named if name))[:MOST_SERVERS]


def why_not(server: str) -> str:
    """Why it cannot be used now, as a sentence; empty where it can. Takes up to PATIENCE_S where it does not answer."""
    host, _, port = server.rpartition(":")
    shown = encodable(server)
    if not host or not _PORT.fullmatch(port) or not 0 < int(port) < 1 << 16:
        return f"{shown} in {VARIABLE} is not the address of a computer and a port, as in 192.168.1.20:50052."
    try:
        with socket.create_connection((host, int(port)), PATIENCE_S) as connection:
            connection.sendall(_HELLO)
            told = _read(connection, _REPLY.size)
    except TimeoutError:
        return f"The RPC server {shown} does not answer: it may be at work for another model or program."
    except (OSError, UnicodeError) as error:
        return f"The RPC server {shown} cannot be reached: {getattr(error, 'strerror', None) or error}."
    if len(told) < _REPLY.size or (version := _REPLY.unpack(told)[1]) != PROTOCOL:
        other = f"speaks version {version} of the protocol" if len(told) == _REPLY.size else "hangs up"
        return f"The RPC server {shown} {other}: it must be of the llama.cpp that this Nibble has (version {PROTOCOL})."
    return ""


def _read(connection: socket.socket, count: int) -> bytes:
    """Fewer where the other end closes. Raises TimeoutError where all of it takes longer than PATIENCE_S."""
    content, until = b"", time.monotonic() + PATIENCE_S
    while len(content) < count:
        connection.settimeout(max(until - time.monotonic(), 1e-3))
        piece = connection.recv(count - len(content))
        if not piece:
            break
        content += piece
    return content
