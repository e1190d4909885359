"""The encrypted file of a backup: what was written comes back, or it is said that it does not."""

from __future__ import annotations

import io
import json
import resource
import tempfile
import tracemalloc
from collections.abc import Callable

import pytest

from bayan.config import archive
from bayan.config.archive import (
    CHUNK,
    TAG,
    ArchiveReader,
    ArchiveWriter,
    FileDamaged,
    NotABackup,
    WrongPassphrase,
)
from bayan.core.errors import DomainError

PASSPHRASE = "صحن الكبسة يكفي سبعة"


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real cost of a passphrase is half a second each time."""
    monkeypatch.setattr(archive, "COST", {"n": 16, "r": 8, "p": 1})


def written(*members: tuple[str, bytes]) -> bytes:
    file = io.BytesIO()
    writer = ArchiveWriter(file, PASSPHRASE)
    for name, content in members:
        writer.member(name, content)
    writer.close()
    return file.getvalue()


def read(content: bytes, passphrase: str = PASSPHRASE) -> list[tuple[str, bytes]]:
    reader = ArchiveReader(io.BytesIO(content), passphrase)
    return [(name, b"".join(blocks)) for name, blocks in reader.members()]


@pytest.mark.parametrize(
    "size", [0, 1, CHUNK - 20, CHUNK - 13, CHUNK - 12, CHUNK - 11, CHUNK, 3 * CHUNK + 7]
)
def test_members_come_back_as_they_were_written(size: int) -> None:
    # With this name and what frames it, some of these sizes fill a chunk to the byte.
    members = [("data", bytes(range(256)) * (size // 256 + 1)), ("الاسم", b"")]
    members[0] = ("data", members[0][1][:size])

    assert read(written(*members)) == members


def test_members_that_nobody_takes_are_passed_over() -> None:
    content = written(("a", b"1" * 100), ("b", b"2" * CHUNK), ("c", b"3"))
    assert [name for name, _blocks in ArchiveReader(io.BytesIO(content), PASSPHRASE).members()] == [
        "a",
        "b",
        "c",
    ]


def test_nothing_of_the_content_can_be_read_in_the_file() -> None:
    content = written(("secrets/field_key", b"an open secret"))
    assert b"open secret" not in content
    assert b"field_key" not in content
    assert written(("same", b"")) != written(("same", b""))


def test_a_wrong_passphrase_is_named() -> None:
    with pytest.raises(WrongPassphrase):
        read(written(("a", b"1")), "another")


def test_every_altered_byte_is_noticed() -> None:
    content = written(("secrets/key", b"secret"), ("database", b"rows"))
    for position in range(len(content)):
        altered = bytearray(content)
        altered[position] ^= 1
        with pytest.raises(DomainError):
            read(bytes(altered))


def test_every_cut_is_noticed() -> None:
    content = written(("secrets/key", b"secret"), ("database", b"rows"))
    for length in range(len(content)):
        with pytest.raises(DomainError):
            read(content[:length])


@pytest.mark.parametrize(
    "change",
    [
        lambda start, chunks: [start, *chunks[:-1]],  # the last chunk is gone
        lambda start, chunks: [start, chunks[0], *chunks[2:]],  # one in the middle
        lambda start, chunks: [start, chunks[1], chunks[0], *chunks[2:]],  # two changed places
        lambda start, chunks: [start, *chunks, chunks[-1]],  # the last once more
        lambda start, chunks: [start, *chunks, b"\0"],
    ],
)
def test_chunks_stay_where_they_were_written(
    change: Callable[[bytes, list[bytes]], list[bytes]],
) -> None:
    content = written(("database", bytes(3 * CHUNK + 100)))
    start = content.index(b"\n", len(archive.MAGIC)) + 1 + 32
    chunks = [
        content[position : position + CHUNK + TAG]
        for position in range(start, len(content), CHUNK + TAG)
    ]
    assert len(chunks) == 4
    with pytest.raises(FileDamaged):
        read(b"".join(change(content[:start], chunks)))


@pytest.mark.parametrize("content", [b"", b"PGDMP", b"bayan-backup 2\n{}\n"])
def test_another_file_is_no_backup(content: bytes) -> None:
    with pytest.raises(NotABackup):
        read(content)


def test_a_file_cannot_ask_for_all_our_memory() -> None:
    dear = {**archive.DEAREST, "n": 2**60}
    line = json.dumps({**dear, "salt": "00"}).encode() + b"\n"
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(WrongPassphrase):
        read(archive.MAGIC + line + bytes(32))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**19


def test_memory_stays_flat_however_large_a_member_is() -> None:
    block = bytes(CHUNK)
    sizes = []
    for megabytes in (8, 64):
        tracemalloc.start()
        with tempfile.TemporaryFile() as file:
            writer = ArchiveWriter(file, PASSPHRASE)
            writer.begin("database")
            for _number in range(megabytes):
                writer.write(block)
            writer.end()
            writer.close()
            file.seek(0)
            taken = 0
            for _name, blocks in ArchiveReader(file, PASSPHRASE).members():
                taken += sum(map(len, blocks))
        assert taken == megabytes * CHUNK
        sizes.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert sizes[1] < sizes[0] * 1.2
    assert sizes[1] < 12 * CHUNK
