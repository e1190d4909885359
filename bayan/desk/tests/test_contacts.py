from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from bayan.cases import services as cases
from bayan.cases.models import Case
from bayan.cases.tests.factories import CONFIRMED, make_case
from bayan.channels.models import Outgoing
from bayan.channels.tests.factories import incoming
from bayan.core.models import AuditEntry, UndoStep
from bayan.core.rls import as_worker, look_as
from bayan.inbox import services as inbox
from bayan.inbox.models import Conversation, Message, Note
from bayan.organisation.models import Node
from bayan.people import services as people
from bayan.people.models import Contact, ContactNote, Identity, Member, OptOut, Role
from bayan.people.tests.factories import make_member
from conftest import StaffClient


def url(name: str, contact: Contact, *more: object) -> str:
    return reverse(f"contacts:{name}", args=[contact.public_id, *more])


def state() -> dict[str, Any]:
    """Everything that hangs on contacts, as it stands in the database."""
    read = {
        "contacts": Contact.objects.values(),
        "identities": Identity.objects.values(),
        "wishes": OptOut.objects.values(),
        "contact notes": ContactNote.objects.values(),
        "conversations": Conversation.objects.values(),
        "messages": Message.objects.values("pk", "node_id", "conversation_id", "matter"),
        "notes": Note.objects.values("pk", "node_id", "conversation_id"),
        "outgoing": Outgoing.objects.values("pk", "node_id", "contact_id"),
        "cases": Case.objects.values("pk", "node_id", "contact_id", "conversation_id", "stage"),
    }
    return {name: list(rows.order_by("pk")) for name, rows in read.items()}


@pytest.fixture
def two(
    khobar: Node, qatif: Node, desk_responder: Member, now: datetime
) -> tuple[Contact, Contact]:
    """One person under two names: both wrote to Khobar, one of them to Qatif too."""
    one = make_case("حفرة", node=khobar, now=now, name="أبو فهد")
    other = make_case("إنارة", node=khobar, now=now + timedelta(minutes=1), name="محمد الدوسري")
    names = dict(other.contact.identities.values_list("scheme", "value"))
    closed_at = now + timedelta(minutes=2)
    cases.close_case(
        other.public_id,
        outcome="resolved",
        basis=CONFIRMED,
        words="تم",
        by=desk_responder,
        now=closed_at,
    )
    later = now + timedelta(days=4)
    again = make_case("مطب", now=later, whatsapp_id=names["whatsapp"], phone=names["phone"])
    cases.assign_case(again.public_id, to=qatif, by=desk_responder, now=later)
    inbox.reply(one.conversation.public_id, "أين؟", by=desk_responder, now=now)
    inbox.write_note(other.conversation.public_id, "مهم", mentions=[], by=desk_responder, now=now)
    inbox.snooze(
        Conversation.objects.filter(contact=other.contact),
        until=later + timedelta(days=1),
        by=desk_responder,
        now=later,
    )
    people.write_contact_note(other.contact, "يفضل الاتصال", by=desk_responder, now=now)
    people.hear_wish(one.contact, wants=False, by=desk_responder, now=later)
    people.hear_wish(other.contact, wants=False, by=desk_responder, now=now)
    return one.contact, other.contact


def test_merged_contacts_are_one_person(
    two: tuple[Contact, Contact], khobar: Node, desk_responder: Member, now: datetime
) -> None:
    into, other = two

    done = cases.merge_contacts(other, into=into, by=desk_responder, now=now)

    assert done.undo
    assert list(Contact.objects.all()) == [into]
    assert into.identities.count() == 4
    assert into.cases.count() == 3
    assert into.conversations.count() == 2, "one with Khobar, one with Qatif"
    assert into.notes.count() == 1
    assert into.opt_outs.get(ended_at=None).since_at == now
    assert set(Outgoing.objects.values_list("contact", flat=True)) == {into.pk}
    trail = dict(AuditEntry.objects.values_list("action", "actor"))
    assert trail["contact.merged"] == trail["contact.took_over"] == desk_responder.audit_key


def test_undoing_a_merge_puts_everything_back_exactly(
    two: tuple[Contact, Contact], desk_responder: Member, now: datetime
) -> None:
    into, other = two
    before = state()

    cases.merge_contacts(other, into=into, by=desk_responder, now=now)
    facts = UndoStep.objects.get(action=cases.MERGED).facts
    assert state() != before
    cases.undo_merge_contacts(facts, by=desk_responder, now=now)

    after = state()
    for name, rows in before.items():
        assert after[name] == rows, name


def test_what_comes_between_merge_and_undo_is_not_lost(
    two: tuple[Contact, Contact], desk_responder: Member, now: datetime
) -> None:
    into, other = two
    keys = {into.pk, other.pk}
    names = dict(other.identities.values_list("scheme", "value"))
    cases.merge_contacts(other, into=into, by=desk_responder, now=now)
    later = now + timedelta(days=4, hours=2)
    message = incoming(
        "وصلتكم؟", whatsapp_id=names["whatsapp"], phone=names["phone"], received_at=later
    )
    cases.take_in([message], now=later)

    cases.undo_merge_contacts(
        UndoStep.objects.get(action=cases.MERGED).facts, by=desk_responder, now=later
    )

    kept = Message.objects.get(external_id=message.external_id)
    assert kept.conversation.contact_id in keys
    for case in Case.objects.select_related("conversation"):
        assert case.contact_id == case.conversation.contact_id
        assert case.node_id == case.conversation.node_id


def test_a_wish_told_meanwhile_outlives_the_undo(
    two: tuple[Contact, Contact], desk_responder: Member, now: datetime
) -> None:
    into, other = two
    cases.merge_contacts(other, into=into, by=desk_responder, now=now)
    later = now + timedelta(days=5)
    people.hear_wish(into, wants=True, by=desk_responder, now=later)
    people.hear_wish(into, wants=False, by=desk_responder, now=later)

    cases.undo_merge_contacts(
        UndoStep.objects.get(action=cases.MERGED).facts, by=desk_responder, now=later
    )

    assert into.opt_outs.filter(ended_at=None).count() == 1


def test_a_municipality_merges_only_whom_it_sees_whole(
    two: tuple[Contact, Contact], khobar_responder: Member, now: datetime
) -> None:
    into, other = two
    before = state()

    with transaction.atomic():
        look_as(khobar_responder.pk)
        with pytest.raises(cases.NotAllTheirs):
            cases.merge_contacts(other, into=into, by=khobar_responder, now=now)
        with as_worker():
            assert state() == before


def test_a_contact_is_not_merged_with_itself(
    two: tuple[Contact, Contact], desk_responder: Member, now: datetime
) -> None:
    with pytest.raises(cases.SameContact):
        cases.merge_contacts(two[0], into=two[0], by=desk_responder, now=now)


def test_a_split_identity_is_a_person_of_its_own_from_its_next_message(
    two: tuple[Contact, Contact], desk_responder: Member, now: datetime
) -> None:
    into, other = two
    names = dict(other.identities.values_list("scheme", "value"))
    theirs = list(other.identities.values_list("pk", flat=True))
    cases.merge_contacts(other, into=into, by=desk_responder, now=now)

    own, _step = cases.split_contact(into, theirs, by=desk_responder, now=now)
    later = now + timedelta(days=9)
    message = incoming(
        "سلام", whatsapp_id=names["whatsapp"], phone=names["phone"], name="خالد", received_at=later
    )
    cases.take_in([message], now=later)

    own.refresh_from_db()
    assert Message.objects.get(external_id=message.external_id).conversation.contact == own
    assert own.name == "خالد"
    assert own.opt_outs.filter(ended_at=None).exists(), "who wanted nothing is not written to"
    assert into.cases.count() == 3
    assert AuditEntry.objects.filter(action="contact.split").exists()


def test_what_a_split_made_is_found_and_merged_back_or_the_split_undone(
    client: StaffClient,
    two: tuple[Contact, Contact],
    desk_responder: Member,
    qatif_responder: Member,
    now: datetime,
) -> None:
    into, other = two
    phone = other.identities.get(scheme="phone").value
    theirs = list(other.identities.values_list("pk", flat=True))
    cases.merge_contacts(other, into=into, by=desk_responder, now=now)
    wishes = into.opt_outs.count()
    client.force_login(desk_responder)

    page = client.post(url("split", into), {"identities": theirs}, follow=True)
    own = Contact.objects.get(split_from=into)
    step = UndoStep.objects.get(action=cases.CONTACT_SPLIT)
    assert reverse("people:undo", args=[step.public_id]) in page.content.decode()
    # Nothing of theirs is there yet, and they are.
    for words in ("", phone):
        assert (
            str(own.public_id)
            in client.get(reverse("contacts:contacts"), {"q": words}).content.decode()
        )
    assert str(into.public_id) in client.get(url("contact", own)).content.decode()
    client.force_login(qatif_responder)
    assert (
        client.get(url("contact", own)).status_code == client.get(url("contact", into)).status_code
    )
    client.force_login(desk_responder)
    client.post(reverse("people:undo", args=[step.public_id]))
    assert list(Contact.objects.all()) == [into]
    assert set(into.identities.values_list("pk", flat=True)) >= set(theirs)
    assert into.opt_outs.count() == wishes

    client.post(url("split", into), {"identities": theirs})
    again = Contact.objects.get(split_from=into)
    client.post(url("merge", into, again.public_id))
    assert set(into.identities.values_list("pk", flat=True)) >= set(theirs)


def test_who_was_split_off_is_seen_by_those_they_write_to_once_they_write(
    two: tuple[Contact, Contact], desk_responder: Member, now: datetime
) -> None:
    into, other = two
    names = dict(other.identities.values_list("scheme", "value"))
    theirs = list(other.identities.values_list("pk", flat=True))
    cases.merge_contacts(other, into=into, by=desk_responder, now=now)
    own, _step = cases.split_contact(into, theirs, by=desk_responder, now=now)
    later = now + timedelta(days=9)

    again = make_case("سلام", whatsapp_id=names["whatsapp"], phone=names["phone"], now=later)

    assert again.contact == own
    assert again.contact.split_from is None


def test_something_must_stay_and_something_must_go(
    two: tuple[Contact, Contact], desk_responder: Member, now: datetime
) -> None:
    into, other = two
    for chosen in ([], list(into.identities.values_list("pk", flat=True)),
                   list(other.identities.values_list("pk", flat=True))):  # fmt: skip
        with pytest.raises(people.NothingLeft):
            cases.split_contact(into, chosen, by=desk_responder, now=now)


def test_the_members_name_stands_beside_the_channels(
    two: tuple[Contact, Contact], desk_responder: Member, now: datetime
) -> None:
    contact, _other = two
    people.rename_contact(contact, "  محمد   الدوسري ", by=desk_responder, now=now)
    contact.refresh_from_db()
    assert (contact.name, contact.channel_name) == ("محمد الدوسري", "أبو فهد")

    people.rename_contact(contact, "", by=desk_responder, now=now)
    contact.refresh_from_db()
    assert contact.name == "أبو فهد"


def test_the_ledger_knows_source_and_moment_of_each_wish(
    client: StaffClient, two: tuple[Contact, Contact], desk_responder: Member
) -> None:
    contact, _other = two
    client.force_login(desk_responder)

    client.post(url("wish", contact), {"wants": "yes"})

    row = contact.opt_outs.get()
    assert row.ended_at
    assert (row.source, row.ended_source) == (OptOut.Source.TOLD, OptOut.Source.TOLD)
    client.cookies["bayan_language"] = "en"
    shown = client.get(url("contact", contact)).content.decode().lower()
    # Stopping and resuming, in the ledger and in the history.
    assert shown.count("the person told us") == 4
    entry = AuditEntry.objects.get(action="contact.opted_in")
    assert entry.actor == desk_responder.audit_key


def test_the_page_shows_what_the_member_may_see(
    client: StaffClient,
    two: tuple[Contact, Contact],
    khobar_responder: Member,
    desk_responder: Member,
) -> None:
    _into, other = two
    client.force_login(khobar_responder)
    shown = client.get(url("contact", other)).content.decode()
    assert "يفضل الاتصال" in shown
    assert "مطب" not in shown, "that is Qatif's"

    client.force_login(desk_responder)
    assert "مطب" in client.get(url("contact", other)).content.decode()


def test_nobody_sees_a_contact_of_others(
    client: StaffClient, qatif: Node, khobar_responder: Member
) -> None:
    case = make_case(node=qatif, now=timezone.now())
    people.write_contact_note(case.contact, "سر", by=khobar_responder, now=timezone.now())
    client.force_login(khobar_responder)

    assert client.get(url("contact", case.contact)).status_code == 404
    assert client.post(url("rename", case.contact), {"name": "س"}).status_code == 404
    assert case.contact.name not in client.get(reverse("contacts:contacts")).content.decode()
    with transaction.atomic():
        look_as(khobar_responder.pk)
        assert not ContactNote.objects.exists()


def test_a_viewer_reads_and_changes_nothing(client: StaffClient, khobar: Node) -> None:
    case = make_case(node=khobar, now=timezone.now())
    client.force_login(make_member(Role.Kind.VIEWER, khobar))

    page = client.get(url("contact", case.contact))

    assert page.status_code == 200
    assert "/merge" not in page.content.decode()
    for name in ("rename", "wish", "write_note", "split"):
        assert client.post(url(name, case.contact), {"name": "س"}).status_code == 403


def test_who_answers_for_one_body_changes_no_contact_of_another_that_they_only_read(
    client: StaffClient, khobar: Node, qatif: Node
) -> None:
    case = make_case(node=qatif, now=timezone.now())
    member = make_member(Role.Kind.RESPONDER, khobar)
    Role.objects.create(
        member=member, kind=Role.Kind.VIEWER, node=qatif, starts_at=timezone.now() - timedelta(1)
    )
    client.force_login(member)

    assert client.get(url("contact", case.contact)).status_code == 200
    assert client.post(url("rename", case.contact), {"name": "س"}).status_code == 403


def test_notes_are_deleted_by_who_wrote_them(
    client: StaffClient, khobar: Node, khobar_responder: Member
) -> None:
    case = make_case(node=khobar, now=timezone.now())
    client.force_login(khobar_responder)
    client.post(url("write_note", case.contact), {"text": "لا يجيب صباحًا"})
    note = ContactNote.objects.get()
    assert note.author == khobar_responder
    assert client.post(url("write_note", case.contact), {"text": " "}).status_code == 409

    client.force_login(make_member(Role.Kind.RESPONDER, khobar))
    delete = url("delete_note", case.contact, note.public_id)
    assert client.post(delete).status_code == 409
    client.force_login(khobar_responder)
    client.post(delete)

    assert not ContactNote.objects.exists()


def test_from_search_to_merge_and_back(
    client: StaffClient, two: tuple[Contact, Contact], desk_responder: Member
) -> None:
    into, other = two
    client.force_login(desk_responder)

    found = client.get(url("choose", into), {"q": "الدوسرى"}).content.decode()
    assert str(other.public_id) in found
    preview = client.get(url("merge", into, other.public_id))
    assert preview.status_code == 200
    assert Contact.objects.count() == 2
    merged = client.post(url("merge", into, other.public_id))
    assert Contact.objects.count() == 1
    page = client.get(merged.url)  # type: ignore[attr-defined]
    step = UndoStep.objects.get(action=cases.MERGED)
    undo_url = reverse("people:undo", args=[step.public_id])
    assert undo_url in page.content.decode()
    client.post(undo_url)

    assert Contact.objects.count() == 2
    assert client.post(undo_url).status_code == 409


def test_the_search_finds_names_phones_and_cases(
    client: StaffClient, two: tuple[Contact, Contact], desk_responder: Member
) -> None:
    into, other = two
    client.force_login(desk_responder)
    phone = into.identities.get(scheme="phone").value
    reference = into.cases.get().reference

    for words, wanted, unwanted in (
        ("ابو فهد", into, other),
        (phone[3:], into, other),
        (reference, into, other),
        ("محمد", other, into),
    ):
        shown = client.get(reverse("contacts:contacts"), {"q": words}).content.decode()
        assert str(wanted.public_id) in shown, words
        assert str(unwanted.public_id) not in shown, words
    assert "<table" not in client.get(reverse("contacts:contacts"), {"q": "زززز"}).content.decode()


def test_the_list_counts_its_queries(
    client: StaffClient, khobar: Node, desk_responder: Member
) -> None:
    client.force_login(desk_responder)
    make_case(now=timezone.now())
    client.get(reverse("contacts:contacts"))
    with CaptureQueriesContext(connection) as few:
        client.get(reverse("contacts:contacts"))
    for _number in range(4):
        make_case(now=timezone.now())
    with CaptureQueriesContext(connection) as many:
        client.get(reverse("contacts:contacts"))

    assert len(many) == len(few)
