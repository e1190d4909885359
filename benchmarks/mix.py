"""What the public writes on a busy day, as the provider posts it; the same mix every time."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from typing import Any

import msgspec
import psycopg

from benchmarks.intake import DETAILS, ENDINGS, GREETINGS, MATTERS, PHONE_NUMBER_ID, PLACES

# Of a hundred messages so many are of this kind; the rest are texts.
KINDS = {"image": 8, "voice": 5, "location": 4, "reaction": 3, "list_reply": 3}
# How many messages come in one post: mostly one, on a rush a few.
SIZES = (1, 1, 1, 1, 1, 1, 2, 3, 4, 8)
STAMP = "1795328100"

LOST = """
    SELECT count(*) FROM unnest(%s::text[]) AS p (posted)
    WHERE NOT EXISTS (SELECT FROM inbox_message m WHERE m.external_id = p.posted)
"""
# A reaction stands on the message it belongs to, or as one of its own.
LOST_REACTIONS = """
    SELECT count(*) FROM unnest(%s::text[], %s::text[]) AS r (posted, target)
    WHERE NOT EXISTS (SELECT FROM inbox_message m WHERE m.external_id = r.posted)
      AND NOT EXISTS (SELECT FROM inbox_message m
                      WHERE m.external_id = r.target AND m.their_reaction <> '')
"""
DOUBLES = """
    SELECT coalesce(sum(times - 1), 0) FROM (
        SELECT count(*) AS times FROM inbox_message
        WHERE direction = 'in' AND external_id LIKE %s GROUP BY external_id
    ) AS t
"""

_chance = random.Random(940)  # noqa: S311  # the same load every time
_TEXTS = [" ".join(words) for words in product(GREETINGS, MATTERS, PLACES, DETAILS, ENDINGS)]
_chance.shuffle(_TEXTS)
_ORDER = [kind for kind, share in KINDS.items() for _time in range(share)]
_ORDER += ["text"] * (100 - len(_ORDER))
_chance.shuffle(_ORDER)


class Mix:
    """Messages by their number: who writes it, what it is, and how they are posted."""

    def __init__(self, mark: str, *, people: int, first_person: int = 0) -> None:
        """A mix whose ids begin with the mark; `people` persons take turns."""
        self.mark, self.people, self.first_person = mark, people, first_person

    def person(self, number: int) -> int:
        """The person who writes this message."""
        return self.first_person + number % self.people

    def message_id(self, number: int) -> str:
        """The provider's id of this message."""
        return f"wamid.{self.mark}{number:09}"

    def kind(self, number: int) -> str:
        """What this message is; nobody reacts before they have written."""
        kind = _ORDER[number % len(_ORDER)]
        return "text" if kind == "reaction" and number < self.people else kind

    def text(self, number: int) -> str:
        """The words of this message; each text has its number in it."""
        return f"{number:09} {_TEXTS[number % len(_TEXTS)]}"

    def body(self, numbers: Iterable[int]) -> bytes:
        """A webhook with these messages."""
        contacts, messages = [], []
        for number in numbers:
            person = self.person(number)
            contacts.append(
                {
                    "profile": {"name": name_of(person)},
                    "wa_id": phone_of(person),
                    "user_id": whatsapp_id_of(person),
                }
            )
            messages.append(
                {
                    "from": phone_of(person),
                    "from_user_id": whatsapp_id_of(person),
                    "id": self.message_id(number),
                    "timestamp": STAMP,
                    **self._content(number),
                }
            )
        return envelope({"contacts": contacts, "messages": messages})

    def posts(self, first: int, count: int) -> Iterator[list[int]]:
        """The numbers of the messages of each post, in their order."""
        number, position = first, 0
        while number < first + count:
            size = min(SIZES[position % len(SIZES)], first + count - number)
            yield list(range(number, number + size))
            number, position = number + size, position + 1

    def _content(self, number: int) -> dict[str, Any]:
        kind, file_id = self.kind(number), str(1_100_000_000_000_000 + number)
        sha256 = "G9rlnAjEyUDHAPXGkUlDj2jWFjbe/nJYHRaC0PJ8oS0="
        if kind == "image":
            image = {"id": file_id, "mime_type": "image/jpeg", "sha256": sha256}
            return {"type": "image", "image": image | {"caption": self.text(number)}}
        if kind == "voice":
            audio = {"id": file_id, "mime_type": "audio/ogg; codecs=opus", "sha256": sha256}
            return {"type": "audio", "audio": audio | {"voice": True}}
        if kind == "location":
            return {"type": "location", "location": {"latitude": 26.42, "longitude": 50.09}}
        if kind == "reaction":
            target = self.message_id(number - self.people)
            return {"type": "reaction", "reaction": {"message_id": target, "emoji": "🙏"}}
        if kind == "list_reply":
            reply = {"id": f"choice-{number % 5}", "title": self.text(number)[:24]}
            return {
                "type": "interactive",
                "interactive": {"type": "list_reply", "list_reply": reply},
            }
        return {"type": "text", "text": {"body": self.text(number)}}


def statuses(rows: Sequence[tuple[str, str, str]]) -> bytes:
    """A webhook that says these things of our messages: (provider's id, status, recipient)."""
    return envelope(
        {
            "statuses": [
                {
                    "id": external_id,
                    "status": status,
                    "timestamp": STAMP,
                    "recipient_id": recipient,
                }
                for external_id, status, recipient in rows
            ]
        }
    )


def missing_and_doubled(connection: psycopg.Connection, mix: Mix, count: int) -> tuple[int, int]:
    """How many of the first `count` messages are nowhere, and how often one is there again."""
    reactions = [n for n in range(count) if mix.kind(n) == "reaction"]
    others = [mix.message_id(n) for n in range(count) if mix.kind(n) != "reaction"]
    targets = [mix.message_id(n - mix.people) for n in reactions]
    asked: list[tuple[str, list[Any]]] = [
        (LOST, [others]),
        (LOST_REACTIONS, [[mix.message_id(n) for n in reactions], targets]),
        (DOUBLES, [f"wamid.{mix.mark}%"]),
    ]
    found = [connection.execute(query.encode(), values).fetchone() for query, values in asked]
    lost, lost_reactions, doubles = (int(row[0]) for row in found if row)
    return lost + lost_reactions, doubles


def envelope(value: dict[str, Any]) -> bytes:
    """The provider's wrapping of a change of the demo's number."""
    metadata = {"display_phone_number": "966112345678", "phone_number_id": PHONE_NUMBER_ID}
    change = {"messaging_product": "whatsapp", "metadata": metadata, **value}
    entry = {"id": "104857600000001", "changes": [{"value": change, "field": "messages"}]}
    return msgspec.json.encode({"object": "whatsapp_business_account", "entry": [entry]})


def name_of(person: int) -> str:
    """What the person calls themselves; no two the same."""
    return f"نورة العتيبي {person:07}"


def phone_of(person: int) -> str:
    return f"96656{person:07}"


def whatsapp_id_of(person: int) -> str:
    return f"SA.2716120865530{person:07}"
