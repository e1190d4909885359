"""Everything that can come in, mutated, shuffled, doubled and mixed with poison: the end is the model's."""

from __future__ import annotations

import copy
import json
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import psycopg
import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bayan.cases.models import Case
from bayan.channels.models import Account, Alert, Media, Number, Outgoing, Status
from bayan.channels.tests.factories import PHONE_NUMBER_ID
from bayan.inbox.models import Conversation, Message
from bayan.intake import services
from bayan.intake.tests.hooks import body_of, fates, journal, post, text_from
from bayan.intake.tests.test_disorder import json_values, places, rolled_back
from bayan.people.models import Contact, OptOut

# Seconds of the provider's clock, long before any test's now.
BEGINNING = 1795000000
FILE = {
    "id": "1003383421387256",
    "mime_type": "image/jpeg",
    "sha256": "byUuHYXJ32MIy7V0qnZPy4011HfpzKCt+mJXYX8f/9c=",
    "url": "https://lookaside.fbsbx.com/whatsapp_business/attachments/?mid=1",
}
# What each kind is made of; all of them open a case.
KINDS: dict[str, Any] = {
    "text": {"body": "الشارع مظلم"},
    "image": FILE | {"caption": "هبوط"},
    "audio": FILE | {"voice": True},
    "video": FILE,
    "document": FILE | {"filename": "../../etc/passwd.exe"},
    "sticker": FILE | {"animated": True},
    "location": {"latitude": 26.3, "longitude": 50.2, "name": "حديقة"},
    "contacts": [{"name": {"formatted_name": "مقاول"}, "phones": [{"phone": "+966500000001"}]}],
    "button": {"payload": "more", "text": "المزيد"},
    "interactive": {"type": "list_reply", "list_reply": {"id": "row-2", "title": "إنارة"}},
    "order": {"catalog_id": "1", "product_items": [{"product_retailer_id": "x", "quantity": 1}]},
    "unsupported": {"type": "poll"},
    "hologram": {"shape": "cube"},
}
TEXTS = {"text": "الشارع مظلم", "image": "هبوط", "button": "المزيد", "interactive": "إنارة"}
OUR_WORDS = {"audio": "voice", "interactive": "list_reply"}
POISON = [b'"no object"', b"null", b"7", b"[" * 50_000 + b"]" * 50_000]
every_example = settings(
    deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@dataclass
class Told:
    """One message as the model keeps it."""

    kind: str
    text: str
    sender: int
    edits: dict[int, str] = field(default_factory=dict)
    reactions: dict[int, str] = field(default_factory=dict)
    revoked: bool = False

    @property
    def end(self) -> tuple[Any, ...]:
        """Kind, text, former texts, reaction, revoked: what is true in the end."""
        texts = [self.text, *(self.edits[at] for at in sorted(self.edits))]
        reaction = self.reactions[max(self.reactions)] if self.reactions else ""
        return self.kind, texts[-1], tuple(sorted(texts[:-1])), reaction, self.revoked


@dataclass
class Model:
    """What ought to be there once everything has come."""

    messages: dict[str, Told] = field(default_factory=dict)
    writers: set[int] = field(default_factory=set)
    with_case: set[int] = field(default_factory=set)
    stopped: set[int] = field(default_factory=set)
    alerts: set[str] = field(default_factory=set)
    statuses: set[tuple[str, str]] = field(default_factory=set)


def person(number: int) -> str:
    return f"SA.{number}"


def raw(sender: int, number: int, kind: str, part: Any) -> dict[str, Any]:
    message = text_from(person(sender), number, type=kind, timestamp=str(BEGINNING + number))
    message.pop("text")
    return message | {kind: part, "from": f"96650000000{sender}"}


@st.composite
def stories(draw: Any) -> tuple[Model, list[dict[str, Any]]]:
    """What some people do, as (model, parts of webhook values), in the order in which they do it."""
    model = Model()
    parts: list[dict[str, Any]] = []
    written: dict[int, list[str]] = defaultdict(list)
    deeds = ["say"] * 3 + ["react", "edit", "revoke", "touch nothing", "stop", "status", "pin"]
    for number in range(draw(st.integers(1, 14))):
        deed, sender = draw(st.sampled_from(deeds)), draw(st.integers(1, 3))
        name = f"wamid.{person(sender)}.{number}"
        target = draw(st.sampled_from(written[sender])) if written[sender] else ""
        if deed == "say" or (deed in {"react", "edit", "revoke"} and not target):
            kind = draw(st.sampled_from(sorted(KINDS)))
            parts.append({"messages": [raw(sender, number, kind, KINDS[kind])]})
            model.messages[name] = Told(OUR_WORDS.get(kind, kind), TEXTS.get(kind, ""), sender)
            written[sender].append(name)
            model.with_case.add(sender)
        elif deed == "react":
            emoji = draw(st.sampled_from(["👍", "❤️", ""]))
            reaction = {"message_id": target, "emoji": emoji}
            parts.append({"messages": [raw(sender, number, "reaction", reaction)]})
            model.messages[target].reactions[number] = emoji
        elif deed == "edit":
            changed = {"type": "text", "text": {"body": f"نص {number}"}}
            edit = {"original_message_id": target, "message": changed}
            parts.append({"messages": [raw(sender, number, "edit", edit)]})
            model.messages[target].edits[number] = f"نص {number}"
        elif deed == "revoke":
            revoke = {"original_message_id": target}
            parts.append({"messages": [raw(sender, number, "revoke", revoke)]})
            model.messages[target].revoked = True
        elif deed == "touch nothing":
            reaction = {"message_id": f"wamid.NEVER.{number}", "emoji": "👍"}
            parts.append({"messages": [raw(sender, number, "reaction", reaction)]})
            model.messages[name] = Told("reaction", "", sender)
        elif deed == "stop":
            parts.append({"messages": [raw(sender, number, "text", {"body": "إيقاف"})]})
            model.messages[name] = Told("text", "إيقاف", sender)
            model.stopped.add(sender)
        elif deed == "status":
            said = {"id": f"wamid.OURS.{number}", "status": "read", "timestamp": str(BEGINNING)}
            parts.append({"statuses": [said | {"recipient_id": "966500000105"}]})
            model.statuses.add((f"wamid.OURS.{number}", "read"))
            continue
        else:
            event = {"event": "PIN_CHANGED", "display_phone_number": "966112345678"}
            parts.append({"security": event, "time": BEGINNING + number})
            model.alerts.add("pin_changed")
            continue
        model.writers.add(sender)
    return model, parts


def body_with(parts: list[dict[str, Any]]) -> bytes:
    """One webhook body with all these parts, each in a change of its own."""
    entries = []
    for part in parts:
        if "security" in part:
            change = {"field": "security", "value": part["security"]}
            entries.append({"id": "1", "time": part["time"], "changes": [change]})
        else:
            entries += json.loads(body_of(**{"messages": [], **part}))["entry"]
    return json.dumps({"object": "whatsapp_business_account", "entry": entries}).encode()


@every_example
@given(story=stories(), data=st.data())
def test_whatever_the_order_the_doubles_and_the_poison_between_the_end_is_the_models(
    account: Account, now: datetime, story: tuple[Model, list[dict[str, Any]]], data: Any
) -> None:
    model, parts = story
    doubled = parts + data.draw(st.lists(st.sampled_from(parts), max_size=6))
    shuffled = data.draw(st.permutations(doubled))
    bodies = []
    while shuffled:
        size = data.draw(st.integers(1, 5))
        bodies.append(body_with(shuffled[:size]))
        shuffled = shuffled[size:]
    poison = data.draw(st.lists(st.sampled_from(POISON), max_size=3))
    everything = data.draw(st.permutations([*bodies, *poison]))
    batch = data.draw(st.integers(1, len(everything)))

    with rolled_back():
        journal(account, *everything)
        while services.work_off(now=now, limit=batch).rows:
            pass
        states = [state for state, _remark in fates()]
        assert states.count("set aside") == len(poison)
        assert states.count("processed") == len(bodies)
        check(model)
        # Once more, poison and all: nothing is doubled, nothing is lost.
        for number, state in enumerate(states):
            if state == "set aside":
                services.replay(entry_ids()[number], now=now)
        journal(account, *bodies)
        while services.work_off(now=now, limit=batch).rows:
            pass
        assert [state for state, _remark in fates()].count("set aside") == len(poison)
        check(model)


def check(model: Model) -> None:
    """What the database holds is what the model says, and hangs together."""
    received = Message.objects.filter(direction="in")
    assert {
        m.external_id: (
            m.kind, m.text, tuple(sorted(m.payload.get("former", []))), m.their_reaction,
            m.revoked_at is not None,
        )
        for m in received
    } == {name: told.end for name, told in model.messages.items()}  # fmt: skip
    for message in received.select_related("conversation"):
        sender = model.messages[message.external_id].sender
        contact = message.conversation.contact
        assert contact.identities.filter(value=person(sender)).exists()
    assert Contact.objects.count() == len(model.writers)
    # One number, one body, nothing closed: one conversation and at most one case each.
    assert Conversation.objects.count() == len(model.writers)
    cases = Case.objects.values_list("contact__identities__value", flat=True)
    assert {value for value in cases if value.startswith("SA.")} == set(
        map(person, model.with_case)
    )
    assert Case.objects.count() == len(model.with_case)
    assert OptOut.objects.filter(ended_at=None).count() == len(model.stopped)
    assert OptOut.objects.count() == len(model.stopped)
    # Each was told once that they were heard.
    assert Outgoing.objects.count() == len(model.stopped)
    assert set(Alert.objects.values_list("kind", flat=True)) == model.alerts
    assert set(Status.objects.values_list("external_id", "status")) == model.statuses
    with_file = {"image", "voice", "video", "document", "sticker"}
    assert Media.objects.count() == received.filter(kind__in=with_file).count()
    assert not received.filter(kind__in=with_file, media=None).exists()
    for conversation in Conversation.objects.all():
        open_cases = conversation.cases.filter(closed_at=None)
        assert conversation.matter in {case.reference for case in open_cases} | {""}
        assert bool(conversation.matter) == open_cases.exists()


def entry_ids() -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM intake_journal ORDER BY id")
        return [row[0] for row in cursor.fetchall()]


NOTICES: dict[str, Any] = {
    "message_template_status_update": {
        "event": "PAUSED", "message_template_id": 5, "message_template_name": "x",
        "message_template_language": "ar", "reason": "NONE", "disable_info": {"disable_date": "d"},
        "rejection_info": {"reason": "r"}, "other_info": {"title": "t"},
    },
    "phone_number_quality_update": {
        "event": "FLAGGED", "max_daily_conversations_per_business": "TIER_2K",
    },
    "account_update": {
        "event": "DISABLED_UPDATE", "ban_info": {"waba_ban_state": "DISABLE"},
        "restriction_info": [{"restriction_type": "x", "expiration": 1}],
    },
    "account_alerts": {"alert_info": {"alert_severity": "CRITICAL", "alert_type": "x"}},
    "security": {"event": "PIN_CHANGED", "requester": "1"},
    "flows": {"flow_id": "1", "new_status": "BLOCKED"},
    "user_preferences": {
        "contacts": [{"wa_id": "966500000101"}],
        "user_preferences": [
            {"wa_id": "966500000101", "category": "marketing_messages", "value": "stop"}
        ],
    },
}  # fmt: skip
TOUCHES: dict[str, Any] = {
    "reaction": {"message_id": "wamid.SA.1.1", "emoji": "👍"},
    "edit": {"original_message_id": "wamid.SA.1.1", "message": {"type": "text", "text": {"body": "x"}}},
    "revoke": {"original_message_id": "wamid.SA.1.1"},
    "system": {"type": "user_changed_number", "wa_id": "966500000909", "user_id": "SA.9"},
}  # fmt: skip
WILD = ["-1", "-99999999999", "99999999999999999999", 4102444800, "9" * 400, 1e308, None, [], "٣"]


@settings(every_example, max_examples=80)
@given(data=st.data())
def test_nothing_that_is_wrong_in_a_body_harms_us_or_its_neighbours(
    account: Account, now: datetime, data: Any
) -> None:
    kind = data.draw(st.sampled_from([*KINDS, *TOUCHES, *NOTICES]))
    if kind in NOTICES:
        change: dict[str, Any] = {"field": kind, "value": copy.deepcopy(NOTICES[kind])}
        body = {"object": "x", "entry": [{"id": "1", "time": BEGINNING, "changes": [change]}]}
    else:
        part = copy.deepcopy((KINDS | TOUCHES)[kind])
        wild = raw(1, 7, kind, part) | {
            "context": {"id": "wamid.SA.1.1", "forwarded": True},
            "referral": {"source_url": "https://x", "headline": "y"},
            "errors": [{"code": 131051}],
        }
        if data.draw(st.booleans()):
            wild["timestamp"] = data.draw(st.sampled_from(WILD))
        body = json.loads(body_of(wild))
    for _change in range(data.draw(st.integers(0, 4))):
        found = places(body)
        if not found:
            break
        holder, key = data.draw(st.sampled_from(found))
        if data.draw(st.booleans()) and isinstance(holder, dict):
            holder.pop(key, None)
        else:
            holder[key] = data.draw(json_values)
    before, after = body_of(text_from("SA.1", 1)), body_of(text_from("SA.2", 2))

    with rolled_back():
        journal(account, before, json.dumps(body).encode(), after)
        assert services.work_off(now=now).rows == 3

        states = [state for state, _remark in fates()]
        assert (states[0], states[2]) == ("processed", "processed")
        assert states[1] in {"processed", "set aside"}
        assert Message.objects.filter(external_id__in=["wamid.SA.1.1", "wamid.SA.2.2"]).count() == 2
        assert not Media.objects.exclude(state="waiting").exists()
        assert services.work_off(now=now).rows == 0


def accepted_by(superuser: psycopg.Connection) -> list[bytes]:
    rows = superuser.execute("SELECT body FROM intake_journal ORDER BY id").fetchall()
    return [bytes(row[0]) for row in rows]


def test_from_the_wire_to_the_inbox_only_what_is_sound_arrives(
    intake: str, superuser: psycopg.Connection, now: datetime
) -> None:
    sound = [body_of(text_from("SA.1", n)) for n in range(4)]
    huge = body_of(text_from("SA.1", 9, "x" * 5 * 1024 * 1024))
    bomb = body_of(text_from("SA.1", 8)).replace(b'"type"', b'"n": ' + b"9" * 5000 + b', "type"')
    many_keys = body_of(
        text_from("SA.1", 7, type="hologram", hologram={str(n): n for n in range(50_000)})
    )
    lone = body_of(text_from("SA.1", 6, "\ud83d \0 "))
    sent = [
        (sound[0], {}, 200),
        (sound[1], {"X-Hub-Signature-256": "sha256=" + "0" * 64}, 401),
        (sound[1][:-10], {}, 400),
        (huge, {}, 413),
        (POISON[3], {}, 200),
        (sound[1], {}, 200),
        (b'"' + b"\\u0000" * 10 + b'"', {}, 200),
        (many_keys, {}, 200),
        (lone, {}, 200),
        (bomb, {}, 200),
        (body_of(text_from("SA.1", 5), number="999"), {}, 200),
        (sound[2], {}, 200),
        (sound[2], {}, 200),
    ]  # fmt: skip

    assert [post(intake, body, **headers) for body, headers, _status in sent] == [
        status for _body, _headers, status in sent
    ]

    assert accepted_by(superuser) == [body for body, _headers, status in sent if status == 200]
    while services.work_off(now=now).rows:
        pass
    aside = [remark for state, remark in fates() if state == "set aside"]
    assert len(aside) == 3
    assert {state for state, _remark in fates()} == {"processed", "set aside"}
    assert set(Message.objects.values_list("external_id", flat=True)) == {
        f"wamid.SA.1.{n}" for n in (0, 1, 2, 6, 7, 8)
    }
    assert Case.objects.count() == 1

    # What was set aside for an unknown number is taken in once we know it; the rest stays where it is.
    number = Number.objects.get(external_id=PHONE_NUMBER_ID)
    Number.objects.create(
        account=number.account, external_id="999", display="+966 9", node=number.node
    )
    for key, (state, _remark) in zip(entry_ids(), fates(), strict=True):
        if state == "set aside":
            services.replay(key, now=now)
    while services.work_off(now=now).rows:
        pass
    assert Message.objects.filter(external_id="wamid.SA.1.5").count() == 1
    assert [state for state, _remark in fates()].count("set aside") == 2
    assert Message.objects.count() == 7


def test_three_megabytes_of_a_thousand_messages_of_every_kind_are_taken_in(
    intake: str, now: datetime
) -> None:
    kinds = sorted(KINDS)
    messages = [
        raw(n % 9, n, kinds[n % len(kinds)], KINDS[kinds[n % len(kinds)]]) for n in range(950)
    ]
    targets = [message["id"] for message in messages]
    messages += [
        raw(n % 9, 2000 + n, "reaction", {"message_id": targets[n], "emoji": "👍"})
        for n in range(50)
    ]
    for message in messages[:950]:
        message["padding"] = "م" * 500
    body = body_of(*messages)
    assert 2_900_000 < len(body) < 3_300_000

    assert post(intake, body) == 200
    done = services.work_off(now=now)

    assert (done.messages, done.set_aside) == (1000, 0)
    assert Message.objects.count() == 950
    assert Message.objects.filter(their_reaction="👍").count() == 50
    assert Case.objects.count() == Contact.objects.count() == 9


@pytest.mark.parametrize("timestamp", WILD)
def test_a_wild_clock_moves_neither_the_window_nor_the_order(
    timestamp: Any, account: Account, now: datetime
) -> None:
    journal(account, body_of(text_from("SA.1", 1, timestamp=timestamp)))
    services.work_off(now=now)

    message = Message.objects.get()
    assert abs((message.sent_at - message.received_at).total_seconds()) < 1
    assert message.conversation.last_inbound_at == message.received_at
