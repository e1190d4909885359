"""Working off the journal: what is kept of each body, what is set aside, and processing again."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection

from bayan.cases import services as cases
from bayan.cases.models import Case
from bayan.channels import services as channels
from bayan.channels.models import Account, Alert, Media, Outgoing, Status
from bayan.channels.tests.factories import PHONE_NUMBER_ID, SINCE
from bayan.core import undo
from bayan.core.models import AuditEntry, UndoStep
from bayan.inbox.models import Conversation, Message
from bayan.intake import services
from bayan.intake.models import Seen
from bayan.intake.tests.hooks import NAMES, body_of, fates, journal, recording, text_from
from bayan.people.models import Contact, Identity, OptOut

# Kinds that the provider names otherwise.
OUR_WORDS = {"audio": "voice", "nfm_reply": "flow_reply"}
DEEP = b"[" * 5000 + b"]" * 5000


def take_in(account: Account, *bodies: bytes, now: datetime) -> services.Done:
    journal(account, *bodies)
    return services.work_off(now=now)


def test_every_recorded_message_and_status_is_kept(account: Account, now: datetime) -> None:
    done = take_in(account, *map(recording, NAMES), now=now)

    expected: dict[str, str] = {}
    said: set[tuple[str, str]] = set()
    for name in NAMES:
        for entry in json.loads(recording(name))["entry"]:
            for change in entry["changes"]:
                for message in change["value"].get("messages", []):
                    kind = message["type"]
                    kind = (
                        message.get(kind, {}).get("type", kind) if kind == "interactive" else kind
                    )
                    expected[message["id"]] = OUR_WORDS.get(kind, kind)
                said |= {(s["id"], s["status"]) for s in change["value"].get("statuses", [])}
    assert dict(Message.objects.values_list("external_id", "kind")) == expected
    assert set(Status.objects.values_list("external_id", "status")) == said
    assert done == services.Done(len(NAMES), len(expected), 0)
    assert {state for state, _remark in fates()} == {"processed"}
    assert services.work_off(now=now) == services.Done(0, 0, 0)


def test_of_every_kind_its_parts_are_kept_in_our_words(account: Account, now: datetime) -> None:
    take_in(account, *map(recording, NAMES), now=now)

    kept = {message.kind: message for message in Message.objects.order_by("-pk")}
    assert kept["image"].text == "هبوط في الطريق أمام المدرسة الابتدائية"
    assert isinstance(kept["location"].payload["latitude"], float)
    assert kept["flow_reply"].payload["answers"]["category"] == "storm_drain"
    assert kept["unsupported"].payload == {"what": "poll"}
    assert kept["button_reply"].text
    assert not Message.objects.filter(kind="text").exclude(payload={}).exists()


def test_what_came_with_a_file_waits_for_it(account: Account, now: datetime) -> None:
    take_in(account, *map(recording, NAMES), now=now)

    for kind in ("image", "voice"):
        media = Message.objects.get(kind=kind).media
        assert media is not None
        assert (media.kind, media.state, media.node) == (
            kind,
            "waiting",
            account.numbers.get().node,
        )
        assert len(media.expected_sha256) == 64
    assert Message.objects.get(kind="image").forwarded == "once"
    assert Media.objects.count() == Message.objects.exclude(media=None).count()


def test_a_field_that_nothing_acts_on_leaves_a_remark(account: Account, now: datetime) -> None:
    body = body_of(text_from("SA.1", 1)).replace(b'"field": "messages"', b'"field": "history"')

    take_in(account, body, now=now)

    assert fates() == [("processed", "history")]


def test_another_accounts_number_is_unknown_here(account: Account, now: datetime) -> None:
    other = channels.save_account(
        key="other", nature=Account.Nature.DEMO, name="Other", base_url="http://127.0.0.1:9",
        app_secret="a", verify_token="b", access_token="c", numbers={"300": "+966 3"},
        node=account.numbers.get().node, now=SINCE,
    )  # fmt: skip

    take_in(other, body_of(text_from("SA.1", 1)), now=now)

    assert fates() == [("set aside", f"unknown number: {PHONE_NUMBER_ID}")]


def test_a_poisonous_row_alone_is_set_aside(
    account: Account, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_in_for_real = cases.take_in

    def choke(messages: Any, *, now: datetime) -> None:
        take_in_for_real(messages, now=now)
        if any(message.text == "poison" for message in messages):
            raise ArithmeticError("cannot count this")

    monkeypatch.setattr(cases, "take_in", choke)
    bodies = [body_of(text_from("SA.1", n, "poison" if n == 2 else "fine")) for n in range(5)]
    bodies.insert(1, b'"no object"')

    done = take_in(account, *bodies, now=now)

    assert done == services.Done(6, 4, 2)
    assert fates() == [
        ("processed", ""),
        ("set aside", "ValueError: the body is not an object"),
        ("processed", ""),
        ("set aside", "ArithmeticError: cannot count this"),
        ("processed", ""),
        ("processed", ""),
    ]
    assert Message.objects.count() == 4
    assert Case.objects.count() == 1
    # It was not taken in, so it is not held for seen: a replay can succeed.
    assert not Seen.objects.filter(key__endswith=text_from("SA.1", 2)["id"]).exists()


def test_the_databases_words_about_a_row_are_not_kept(
    account: Account, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def choke(messages: Any, *, now: datetime) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 'a secret of the person'::int")

    monkeypatch.setattr(cases, "take_in", choke)

    take_in(account, body_of(text_from("SA.1", 1)), now=now)

    assert fates() == [("set aside", "DataError")]


def test_what_postgresql_can_never_take_is_set_aside_and_what_passes_is_tried_again(
    account: Account, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    sqlstate = "54000"

    def choke(messages: Any, *, now: datetime) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '{sqlstate}'; END $$")

    monkeypatch.setattr(cases, "take_in", choke)
    take_in(account, body_of(text_from("SA.1", 1)), now=now)
    assert fates() == [("set aside", "OperationalError")]

    sqlstate = "40P01"  # a deadlock
    journal(account, body_of(text_from("SA.1", 2)))
    with pytest.raises(OperationalError):
        services.work_off(now=now)


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000 + b"]" * 100_000,
        b'"\\ud800"',
        b"null",
        b"7",
    ],
    ids=["deep", "surrogate", "null", "number"],
)  # fmt: skip
def test_what_is_json_and_no_webhook_is_set_aside_beside_its_neighbours(
    body: bytes, account: Account, now: datetime
) -> None:
    take_in(account, body_of(text_from("SA.2", 1)), body, body_of(text_from("SA.2", 2)), now=now)

    assert [state for state, _remark in fates()] == ["processed", "set aside", "processed"]
    assert Message.objects.count() == 2


@pytest.mark.parametrize("kind", ["image", "hologram"])
def test_what_is_deep_inside_a_message_does_no_harm(
    kind: str, account: Account, now: datetime
) -> None:
    deep = text_from("SA.1", 1, **{"type": kind, kind: "deep"})

    take_in(account, body_of(deep).replace(b'"deep"', DEEP), now=now)

    assert fates() == [("processed", "")]
    assert Message.objects.get().kind == kind


def test_texts_that_postgresql_does_not_take_are_kept_readable(
    account: Account, now: datetime
) -> None:
    strange = "قبل\x00بعد \ud83d 🌧️ \ufffe"
    image = text_from("SA.1", 2, type="image", image={"caption": strange})
    unknown = text_from("SA.1", 4, type="hologram", hologram={"k\x00ey": [strange, 1e999]})

    take_in(
        account,
        body_of(text_from("SA.1", 1, strange)),
        body_of(image, contacts=[{"profile": {"name": strange}, "user_id": "SA.1"}]),
        body_of(unknown),
        body_of(text_from("SA.3", 3, "x" * 1_500_000)),
        now=now,
    )

    assert [state for state, _remark in fates()] == ["processed"] * 4
    text = Message.objects.get(external_id="wamid.SA.1.1").text
    assert text.startswith("قبل\ufffdبعد")
    assert "🌧️" in text
    assert Message.objects.get(kind="image").text == text
    assert Message.objects.get(kind="hologram").payload["hologram"] == {"k\ufffdey": [text, None]}
    assert len(Message.objects.get(external_id="wamid.SA.3.3").text) == 1_500_000


@pytest.mark.parametrize(
    "timestamp",
    [
        "99999999999999999999",
        "-1",
        "-99999999999",
        "0",
        "",
        "soon",
        None,
        1e308,
        [],
        {},
        "4102444800",
        True,
        "NaN",
    ],
)
def test_a_moment_that_cannot_be_is_replaced_by_ours(
    timestamp: Any, account: Account, now: datetime
) -> None:
    take_in(account, body_of(text_from("SA.1", 1, timestamp=timestamp)), now=now)

    message = Message.objects.get()
    assert message.sent_at == message.received_at


def test_the_providers_moment_is_kept_beside_ours(account: Account, now: datetime) -> None:
    take_in(account, body_of(text_from("SA.1", 1)), now=now)

    message = Message.objects.get()
    assert message.sent_at == datetime.fromtimestamp(1795328100, UTC)
    assert message.received_at != message.sent_at


def test_a_thousand_messages_in_one_body_are_taken_in(account: Account, now: datetime) -> None:
    messages = [text_from(f"SA.{n % 70}", n) for n in range(1000)]

    done = take_in(account, body_of(*messages), now=now)

    assert done.messages == Message.objects.count() == 1000
    assert Case.objects.count() == Conversation.objects.count() == 70


def test_who_is_known_by_the_business_scoped_id_alone_is_one_person(
    account: Account, now: datetime
) -> None:
    body = recording("wa_inbound_text_bsuid_only")
    take_in(account, body, body, now=now)

    contact = Contact.objects.get()
    assert contact.name == "أبو فهد"
    assert identities_of(contact) == {("whatsapp", "SA.77120045519083325511")}
    assert Message.objects.count() == 1


def test_a_person_first_known_by_phone_stays_one_when_the_id_appears(
    account: Account, now: datetime
) -> None:
    phone = "966500000101"
    by_phone = text_from("", 1) | {"from": phone}
    del by_phone["from_user_id"]
    by_both = text_from("SA.9", 2) | {"from": phone}

    take_in(account, body_of(by_phone), now=now)
    take_in(account, body_of(by_both), now=now)
    take_in(account, body_of(text_from("SA.9", 3)), now=now)

    assert identities_of(Contact.objects.get()) == {("phone", phone), ("whatsapp", "SA.9")}
    assert Message.objects.count() == 3
    assert Case.objects.count() == 1
    added = AuditEntry.objects.get(action="contact.identity_added")
    assert added.details == {"scheme": "whatsapp"}


def test_the_same_in_one_batch_is_one_person_too(account: Account, now: datetime) -> None:
    phone = "966500000101"
    by_phone = text_from("", 1) | {"from": phone}
    del by_phone["from_user_id"]

    take_in(account, body_of(by_phone), body_of(text_from("SA.9", 2) | {"from": phone}), now=now)

    assert identities_of(Contact.objects.get()) == {("phone", phone), ("whatsapp", "SA.9")}


def test_the_business_scoped_id_goes_before_the_phone(account: Account, now: datetime) -> None:
    """A phone number that changed hands does not hand over the conversation."""
    phone = "966500000101"
    take_in(account, body_of(text_from("SA.1", 1) | {"from": phone}), now=now)
    take_in(account, body_of(text_from("SA.2", 2)), now=now)
    take_in(account, body_of(text_from("SA.2", 3) | {"from": phone}), now=now)

    assert Contact.objects.count() == 2
    assert Message.objects.get(external_id="wamid.SA.2.3").conversation.contact == (
        Identity.objects.get(value="SA.2").contact
    )


def identities_of(contact: Contact) -> set[tuple[str, str]]:
    return set(contact.identities.values_list("scheme", "value"))


def test_statuses_of_messages_that_we_did_not_send_are_kept_and_harmless(
    account: Account, now: datetime
) -> None:
    take_in(account, *[recording(name) for name in NAMES if "status" in name], now=now)

    assert Status.objects.filter(outgoing=None).count() == 4
    assert Outgoing.objects.count() == 0


def test_housekeeping_makes_partitions_and_forgets_what_no_provider_repeats(
    db: None, now: datetime
) -> None:
    Seen.objects.create(key="old", seen_at=now - timedelta(days=15))
    Seen.objects.create(key="new", seen_at=now - timedelta(days=8))

    assert services.keep_house(now=now) == 1
    assert services.keep_house(now=now) == 0

    assert list(Seen.objects.values_list("key", flat=True)) == ["new"]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT to_regclass(%s)", [f"intake_journal_{now + timedelta(days=7):%Y%m%d}"]
        )
        assert cursor.fetchone()[0] is not None


def test_a_day_without_a_partition_refuses_nothing(account: Account, now: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO intake_journal (received_at, account_id, request_id, body) VALUES (%s, %s, '', %s)",
            [now + timedelta(days=300), account.pk, body_of(text_from("SA.1", 1))],
        )
    # Its partition can no longer be made; the row stays where it is.
    services.keep_house(now=now + timedelta(days=299))

    assert services.work_off(now=now) == services.Done(1, 1, 0)


def change_of(field: str, value: dict[str, Any], time: int | None = 1795328100) -> bytes:
    """A body about the account itself."""
    entry = {"id": "1", "time": time, "changes": [{"field": field, "value": value}]}
    return json.dumps({"object": "whatsapp_business_account", "entry": [entry]}).encode()


def test_what_the_provider_says_of_the_account_is_acted_on_once(
    account: Account, now: datetime
) -> None:
    pin = change_of("security", {"event": "PIN_CHANGED", "display_phone_number": "966112345678"})
    flagged = change_of("phone_number_quality_update", {"event": "FLAGGED"})

    take_in(account, pin, flagged, pin, now=now)
    take_in(account, pin, now=now)

    assert dict(Alert.objects.values_list("kind", "times")) == {"pin_changed": 1, "quality_low": 1}
    assert fates() == [("processed", "")] * 4
    # One without a time of its own is told apart by when it came.
    take_in(account, change_of("security", {"event": "PIN_CHANGED"}, time=None), now=now)
    assert Alert.objects.get(kind="pin_changed").times == 2


def test_a_new_number_is_followed_after_the_messages_of_its_batch(
    account: Account, now: datetime
) -> None:
    old, new = "966500000101", "966500000909"
    system = text_from("", 2, type="system") | {
        "from": old,
        "system": {"type": "user_changed_number", "wa_id": new},
    }
    bodies = [
        body_of(text_from("", 3) | {"from": new, "from_user_id": None}),
        body_of(system),
        body_of(text_from("", 1) | {"from": old, "from_user_id": None}),
    ]

    take_in(account, *bodies, now=now)
    take_in(account, bodies[1], now=now)

    contact = Contact.objects.get()
    assert identities_of(contact) == {("phone", new)}
    assert Message.objects.count() == 2
    assert Conversation.objects.count() == 1
    assert AuditEntry.objects.filter(action="contact.merged").count() == 1


def test_a_choice_at_the_provider_is_kept(account: Account, now: datetime) -> None:
    choice = {"wa_id": "966500000101", "category": "marketing_messages", "value": "stop"}
    value = {"user_preferences": [choice | {"timestamp": 1795328100}]}

    take_in(account, change_of("user_preferences", value), now=now)

    assert OptOut.objects.get().contact.identities.get().value == "966500000101"


def test_the_moment_of_the_last_message_is_kept_now_and_then(
    account: Account, now: datetime
) -> None:
    def moments() -> tuple[datetime | None, datetime | None]:
        account.refresh_from_db()
        return account.last_webhook_at, account.numbers.get().last_received_at

    take_in(account, recording("wa_status_sent"), now=now)
    webhook_at, received_at = moments()
    assert webhook_at is not None
    assert received_at is None
    take_in(account, recording("wa_inbound_text_ar"), now=now)
    assert moments()[0] == webhook_at
    assert moments()[1] is not None

    Account.objects.update(last_webhook_at=webhook_at - timedelta(seconds=11))
    take_in(account, recording("wa_status_read"), now=now)
    last = moments()[0]
    assert last is not None
    assert last >= webhook_at


def test_an_answer_of_a_person_lets_go_what_waited_for_it(account: Account, now: datetime) -> None:
    take_in(account, body_of(text_from("SA.1", 1)), now=now)
    conversation = Conversation.objects.get()
    held = Outgoing.objects.create(
        node=conversation.node, number=conversation.number, contact=conversation.contact,
        to_whatsapp_id="SA.1", content={}, lane=10, state="held", not_before=SINCE,
        created_at=SINCE,
    )  # fmt: skip

    take_in(account, body_of(text_from("SA.1", 2)), now=now)

    held.refresh_from_db()
    assert held.state == "queued"


def test_the_housekeeping_forgets_what_nobody_can_undo(db: None, now: datetime) -> None:
    undo.remember("cases.given", {"before": []}, member_id=1, now=now - timedelta(days=1))
    undo.remember("cases.given", {"before": []}, member_id=1, now=now)
    services.keep_house(now=now)
    assert UndoStep.objects.count() == 1
