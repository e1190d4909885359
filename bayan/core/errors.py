"""What a service says when it refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bayan.core.audit import Entry


class DomainError(Exception):
    """A refusal that a person should read; the text is translated and says what to do.

    Uncaught in a request it becomes a 409 with its text, and the request's transaction is rolled back.
    """


class LoggedRefusal(DomainError):
    """A refusal that stays in the trail: `entry` is written once what was begun is rolled back."""

    def __init__(self, text: str, entry: Entry) -> None:
        super().__init__(text)
        self.entry = entry
