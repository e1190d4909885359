"""The file that `bayan backup` writes: many members in one encrypted, authenticated stream.

    bayan-backup 1\\n                                   what this is, and the format's version
    {"n": 131072, "r": 8, "p": 1, "salt": "…"}\\n       scrypt's parameters, one line of JSON
    32 bytes                                           HMAC-SHA256 of these two lines
    chunks of 1 MiB + 16 bytes, the last one shorter   AES-256-GCM

scrypt makes 64 bytes of passphrase and salt: the key of the HMAC, by which a wrong passphrase is known
at once, and the key of the chunks. A chunk's nonce is its number (11 bytes) and whether it is the last
(1 byte), its associated data are the two lines: none can be altered, left out, moved or cut off without
being noticed. The salt is new for every file, and so are the keys.

Inside, one member after the other: the length of its name (2 bytes), the name in UTF-8, then blocks, each
after its length (4 bytes), a length of 0 after the last. A name of length 0 ends the file. Numbers are
big-endian. Memory stays at a few chunks, however large a member is.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import struct
from collections.abc import Iterator
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from bayan.core.errors import DomainError

MAGIC = b"bayan-backup 1\n"
CHUNK = 1024 * 1024
TAG = 16
# About half a second and 128 MB: dear for who guesses, cheap for who knows.
COST = {"n": 2**17, "r": 8, "p": 1}
# The most that a file may ask of us, 256 MB.
DEAREST = {"n": 2**18, "r": 8, "p": 1}


class WrongPassphrase(DomainError):
    pass


class NotABackup(DomainError):
    pass


class FileDamaged(DomainError):
    pass


class ArchiveWriter:
    """Writes members to `file`; what was written is whole only after `close`."""

    def __init__(self, file: BinaryIO, passphrase: str) -> None:
        self._file = file
        parameters = json.dumps({**COST, "salt": os.urandom(16).hex()}).encode() + b"\n"
        self._lines = MAGIC + parameters
        check, key = _keys(passphrase, parameters)
        self._cipher = AESGCM(key)
        self._number = 0
        self._buffer = bytearray()
        file.write(self._lines + hmac.digest(check, self._lines, hashlib.sha256))

    def begin(self, name: str) -> None:
        """Begin a member; `write` its content, then `end` it."""
        encoded = name.encode()
        self._write(struct.pack(">H", len(encoded)) + encoded)

    def write(self, block: bytes) -> None:
        if block:
            self._write(struct.pack(">I", len(block)) + block)

    def end(self) -> None:
        self._write(bytes(4))

    def member(self, name: str, content: bytes) -> None:
        """A whole member that is small enough for memory."""
        self.begin(name)
        self.write(content)
        self.end()

    def close(self) -> None:
        """Write the end; the file itself stays open."""
        self._write(bytes(2))
        self._seal(bytes(self._buffer), is_last=True)
        self._buffer.clear()

    def _write(self, content: bytes) -> None:
        self._buffer += content
        # What fills the buffer to the brim may be the last: it waits for what follows.
        while len(self._buffer) > CHUNK:
            self._seal(bytes(self._buffer[:CHUNK]), is_last=False)
            del self._buffer[:CHUNK]

    def _seal(self, chunk: bytes, *, is_last: bool) -> None:
        self._file.write(self._cipher.encrypt(_nonce(self._number, is_last), chunk, self._lines))
        self._number += 1


class ArchiveReader:
    """Reads the members of `file` in their order.

    :raises NotABackup: it does not begin like one
    :raises WrongPassphrase: its keys are not made of this passphrase
    """

    def __init__(self, file: BinaryIO, passphrase: str) -> None:
        self._file = file
        if file.readline(len(MAGIC)) != MAGIC:
            raise NotABackup("The file is no backup of Bayan, or one of another format.")
        parameters = file.readline(1024)
        self._lines = MAGIC + parameters
        check, key = _keys(passphrase, parameters)
        if not hmac.compare_digest(file.read(32), hmac.digest(check, self._lines, hashlib.sha256)):
            raise WrongPassphrase(
                "The passphrase is not the one of this backup (or its first bytes were altered)."
            )
        self._cipher = AESGCM(key)
        self._chunks = self._open_chunks()
        self._buffer = memoryview(b"")

    def members(self) -> Iterator[tuple[str, Iterator[bytes]]]:
        """Every member's name and blocks; blocks that nobody took are passed over, and checked.

        :raises FileDamaged: cut off, or altered in any place
        """
        while True:
            (length,) = struct.unpack(">H", self._take(2))
            if not length:
                break
            name = self._take(length).decode()
            blocks = self._blocks()
            yield name, blocks
            for _block in blocks:
                pass
        if self._buffer or next(self._chunks, None) is not None:
            raise FileDamaged("The backup goes on after its end: it is not what Bayan wrote.")

    def _blocks(self) -> Iterator[bytes]:
        while True:
            (length,) = struct.unpack(">I", self._take(4))
            if not length:
                return
            # Handed on in pieces: the length is not trusted with our memory.
            while length:
                piece = self._take_up_to(length)
                length -= len(piece)
                yield piece

    def _take(self, length: int) -> bytes:
        taken = self._take_up_to(length)
        while len(taken) < length:
            taken += self._take_up_to(length - len(taken))
        return taken

    def _take_up_to(self, length: int) -> bytes:
        while not self._buffer:
            chunk = next(self._chunks, None)
            if chunk is None:
                raise FileDamaged("The backup ends in the middle of its content.")
            self._buffer = memoryview(chunk)
        taken, self._buffer = bytes(self._buffer[:length]), self._buffer[length:]
        return taken

    def _open_chunks(self) -> Iterator[bytes]:
        number = 0
        chunk = self._file.read(CHUNK + TAG)
        while True:
            following = self._file.read(CHUNK + TAG)
            is_last = not following
            try:
                yield self._cipher.decrypt(_nonce(number, is_last), chunk, self._lines)
            except InvalidTag:
                position = self._file.tell() - len(following) - len(chunk)
                raise FileDamaged(
                    f"The backup was altered or cut off at byte {position:,} or after it: "
                    "take another copy."
                ) from None
            if is_last:
                return
            number, chunk = number + 1, following


def _keys(passphrase: str, parameters: bytes) -> tuple[bytes, bytes]:
    try:
        given = json.loads(parameters)
        salt = bytes.fromhex(given["salt"])
        cost = {name: int(given[name]) for name in COST}
        # No stranger's file makes us spend more than that.
        cost = {name: min(cost[name], most) for name, most in DEAREST.items()}
        both = Scrypt(salt=salt, length=64, **cost).derive(passphrase.encode())
    except (ValueError, TypeError, KeyError) as error:
        raise FileDamaged(
            "The first bytes of the backup were altered: take another copy."
        ) from error
    return both[:32], both[32:]


def _nonce(number: int, is_last: bool) -> bytes:
    return number.to_bytes(11) + bytes([is_last])
