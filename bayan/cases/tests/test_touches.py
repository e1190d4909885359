"""Reactions, edits and revocations: what they change, in whatever order they come."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from django.db import transaction

from bayan.cases import services as cases
from bayan.cases.models import Case
from bayan.channels.events import IncomingMessage
from bayan.channels.models import Outgoing
from bayan.channels.tests.factories import incoming
from bayan.inbox import services
from bayan.inbox.models import Conversation, Message
from bayan.people.models import Member

NOURA: dict[str, Any] = {"whatsapp_id": "SA.1", "phone": "966500000101"}


@pytest.fixture(autouse=True)
def database(db: None) -> None:
    pass


def said(text: str = "الشارع مظلم", **changes: Any) -> IncomingMessage:
    return incoming(text, external_id="wamid.T", **NOURA | changes)


def touch(kind: str, seconds: int, text: str = "", **changes: Any) -> IncomingMessage:
    sent_at = datetime.fromisoformat("2026-11-23T07:00:00+00:00") + timedelta(seconds=seconds)
    facts: dict[str, Any] = {
        "kind": kind,
        "target_id": "wamid.T",
        "external_id": f"wamid.{kind}.{seconds}",
        "sent_at": sent_at,
    }
    if kind == "reaction":
        facts["payload"] = {"emoji": text}
        text = ""
    return incoming(text, **NOURA | facts | changes)


def take_in(*messages: IncomingMessage, now: datetime) -> None:
    for message in messages:
        cases.take_in([message], now=now)


def test_a_reaction_stands_on_its_message_and_can_be_taken_away(now: datetime) -> None:
    take_in(said(), touch("reaction", 1, "👍"), touch("reaction", 2, "❤️"), now=now)
    message = Message.objects.get()
    assert message.their_reaction == "❤️"

    take_in(touch("reaction", 3, ""), now=now)

    assert Message.objects.get().their_reaction == ""
    assert Case.objects.count() == 1


def test_a_reaction_to_a_message_of_ours_is_found_by_the_providers_id(
    desk_responder: Member, now: datetime
) -> None:
    take_in(said(), now=now)
    conversation = Conversation.objects.get()
    ours = services.reply(conversation.public_id, "في الطريق", by=desk_responder, now=now)
    Outgoing.objects.update(external_id="wamid.OURS")

    take_in(touch("reaction", 5, "🙏", target_id="wamid.OURS"), now=now)

    ours.refresh_from_db()
    assert ours.their_reaction == "🙏"
    assert Message.objects.count() == 2


def test_an_edit_changes_the_text_and_keeps_the_former_one(now: datetime) -> None:
    take_in(said("شارع ١"), touch("edit", 1, "شارع ٢"), touch("edit", 2, "شارع ٣"), now=now)

    message = Message.objects.get()
    assert (message.text, message.payload["former"]) == ("شارع ٣", ["شارع ١", "شارع ٢"])
    assert message.edited_at == touch("edit", 2).sent_at
    assert Conversation.objects.get().preview == "شارع ٣"


def test_a_revocation_marks_the_message_and_keeps_it(now: datetime) -> None:
    take_in(said("سر"), touch("revoke", 1), now=now)

    message = Message.objects.get()
    assert (message.text, message.revoked_at) == ("سر", touch("revoke", 1).sent_at)
    assert Conversation.objects.get().preview == ""
    assert Case.objects.count() == 1


def test_only_the_last_words_are_shown_in_the_list(now: datetime) -> None:
    take_in(said(), incoming("ثم هذا", **NOURA), touch("revoke", 1), now=now)

    assert Conversation.objects.get().preview == "ثم هذا"


def test_whatever_the_order_the_end_is_the_same(now: datetime) -> None:
    everything = [
        said("شارع ١"), touch("reaction", 1, "👍"), touch("reaction", 2, "❤️"),
        touch("edit", 3, "شارع ٢"), touch("revoke", 4),
    ]  # fmt: skip

    ends = set()
    for number, order in enumerate(permutations(everything)):
        # One after the other, or all at once: by turns.
        size = (1, len(order))[number % 2]
        with transaction.atomic():
            for start in range(0, len(order), size):
                cases.take_in(order[start : start + size], now=now)
            message = Message.objects.get()
            conversation = message.conversation
            ends.add(
                (
                    message.text, message.their_reaction, tuple(message.payload["former"]),
                    message.edited_at, message.revoked_at, conversation.preview,
                    bool(message.matter), Case.objects.count(),
                )
            )  # fmt: skip
            transaction.set_rollback(True)
    assert ends == {
        (
            "شارع ٢", "❤️", ("شارع ١",), touch("edit", 3).sent_at, touch("revoke", 4).sent_at,
            "", True, 1,
        )
    }  # fmt: skip


def test_what_is_about_an_unknown_message_is_kept_and_opens_no_case(now: datetime) -> None:
    take_in(touch("reaction", 1, "👍"), touch("edit", 2, "جديد"), touch("revoke", 3), now=now)

    kept = Message.objects.order_by("pk")
    assert [(m.kind, m.quoted_id) for m in kept] == [
        (kind, "wamid.T") for kind in ("reaction", "edit", "revoke")
    ]
    assert not Case.objects.exists()
    assert Conversation.objects.get().last_inbound_at is None


def test_nobody_changes_what_somebody_else_wrote(now: datetime) -> None:
    take_in(said("شارع ١"), now=now)
    stranger = {"whatsapp_id": "SA.2", "phone": "966500000202"}

    take_in(
        touch("edit", 1, "كلام آخر", **stranger),
        touch("revoke", 2, **stranger),
        touch("reaction", 3, "👎", **stranger),
        now=now,
    )

    message = Message.objects.get(external_id="wamid.T")
    assert (message.text, message.revoked_at, message.their_reaction) == ("شارع ١", None, "")
    assert Message.objects.count() == 4


def test_nobody_edits_what_we_wrote(desk_responder: Member, now: datetime) -> None:
    take_in(said(), now=now)
    services.reply(Conversation.objects.get().public_id, "في الطريق", by=desk_responder, now=now)
    Outgoing.objects.update(external_id="wamid.OURS")

    take_in(touch("edit", 5, "لن نأتي", target_id="wamid.OURS"), now=now)

    assert Message.objects.get(direction="out").text == "في الطريق"


def test_a_reaction_does_not_make_the_conversation_wait_nor_the_window_longer(
    desk_responder: Member, now: datetime
) -> None:
    take_in(said(), now=now)
    services.reply(Conversation.objects.get().public_id, "تم", by=desk_responder, now=now)

    later = now + timedelta(hours=3)
    take_in(touch("reaction", 5, "👍", received_at=later), now=later)

    conversation = Conversation.objects.get()
    assert conversation.last_inbound_at == now
    assert not conversation.is_waiting


@pytest.mark.parametrize("what", ["edit", "revoke", "reaction"])
def test_an_edit_that_the_provider_does_not_pass_on_opens_no_case(what: str, now: datetime) -> None:
    take_in(incoming("", kind="unsupported", payload={"what": what}, **NOURA), now=now)
    assert not Case.objects.exists()
    take_in(incoming("", kind="unsupported", payload={"what": "poll"}, **NOURA), now=now)
    assert Case.objects.count() == 1
