"""What a service says when it refuses."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bayan.core.audit import Entry


class DomainError(Exception):
    """A refusal that a person should read; the text is translated and says what to do.

    Uncaught in a request it becomes a 409 with its text, and the request's transaction is rolled back.
    Its `entries` stay in the trail all the same: whoever catches it writes them.
    """

    def __init__(self, *text: object, entries: Iterable[Entry] = ()) -> None:
        super().__init__(*text)
        self.entries = tuple(entries)
