"""Signs what a child says, so that nothing else in its process can speak for it."""

import json
from hashlib import blake2b
from typing import Any


class Signer:
    """Signs and checks messages, each with its number, so that none can be forged or replayed.

    The key itself is not kept: only the state of a hash that was begun with it.
    """

    __slots__ = ("_keyed", "_number")

    def __init__(self, key: str) -> None:
        self._keyed = blake2b(key=bytes.fromhex(key), digest_size=16)
        self._number = 0

    def sign(self, message: dict[str, Any]) -> bytes:
        """A line with the message, with a line break before it: what an attempt wrote to
        the pipe without one must not spoil it."""
        body = json.dumps(message).encode()
        self._number += 1
        return b"\n" + self._seal(body) + b" " + body + b"\n"

    def read(self, line: bytes) -> dict[str, Any] | None:
        """The message in a line, or None if it is not the next one from the other side."""
        seal, _, body = line.partition(b" ")
        self._number += 1
        if seal != self._seal(body):
            self._number -= 1
            return None
        message: dict[str, Any] = json.loads(body)
        return message

    def _seal(self, body: bytes) -> bytes:
        state = self._keyed.copy()
        state.update(self._number.to_bytes(8, "big") + body)
        return state.hexdigest().encode()
