"""Journalists get a copy each, with a link of their own; nobody twice, nobody against their will."""

from __future__ import annotations

import hashlib
import io
import zipfile
from datetime import datetime, timedelta

import pytest
from asgiref.sync import async_to_sync
from django.urls import reverse
from django.utils import timezone

from bayan.cases import services as cases
from bayan.channels.models import Outgoing, Template
from bayan.channels.tests.factories import body_part, incoming, make_number, make_template
from bayan.channels.tests.test_reaching import make_mail_number
from bayan.core.models import AuditEntry
from bayan.mandates import services as mandates
from bayan.organisation.models import Node
from bayan.people.models import Contact, Member, OptOut, Role
from bayan.people.permissions import Access
from bayan.people.tests.factories import make_member
from bayan.press import services
from bayan.press.models import Copy, CopyLink, Journalist, Release, Story
from bayan.press.services.releasing import letter_for
from bayan.press.tests.factories import (
    a_journalist,
    a_list,
    a_picture,
    a_release,
    a_secret,
    a_story,
    accepted,
)
from bayan.work import services as work
from conftest import StaffClient


@pytest.fixture
def editor(desk: Node) -> Member:
    return make_member(Role.Kind.EDITOR, desk)


@pytest.fixture
def pictures() -> list[bytes]:
    return [a_picture(), a_picture("#a33")]


@pytest.fixture
def story(khobar: Node, editor: Member, now: datetime, pictures: list[bytes]) -> Story:
    sender = make_member(Role.Kind.RESPONDER, khobar)
    return accepted(a_story(khobar, by=sender, now=now, files=pictures), by=editor, now=now)


@pytest.fixture
def template(db: None) -> Template:
    part = body_part("خبر: {{1}} {{2}}", "افتتاح الممشى", "https://bayan.example.org/n/x")
    return make_template("press_story", components=[part])


def send(story: Story, *people: Journalist, by: Member, now: datetime, **more: object) -> Release:
    facts = {"excepted": (), "template": None, "not_before": None} | more
    made = a_list(people[0].node, *people)
    return services.release(
        story.public_id,
        lists=[made.public_id],
        version=story.version(),
        by=by,
        now=now,
        **facts,  # type: ignore[arg-type]
    )


def test_each_gets_one_message_with_a_link_of_their_own_and_the_rest_a_reason(
    story: Story, desk: Node, editor: Member, template: Template, now: datetime
) -> None:
    writes, quiet, silent = (a_journalist(desk, now=now) for _ in range(3))
    no_phone = a_journalist(desk, now=now, phone="")
    not_agreed = a_journalist(desk, now=now, agreed_at=None)
    left_out = a_journalist(desk, now=now)
    for one in (writes, silent):
        cases.take_in([incoming("السلام عليكم", phone=one.phone, received_at=now)], now=now)
    cases.take_in([incoming("إيقاف", phone=silent.phone, received_at=now)], now=now)
    assert OptOut.objects.count() == 1
    before = Outgoing.objects.count()

    release = send(
        story, writes, quiet, silent, no_phone, not_agreed, left_out, by=editor, now=now,
        excepted=[left_out.public_id], template=template,
    )  # fmt: skip
    services.tend(now=now)
    services.tend(now=now + timedelta(seconds=1))

    rows = {row.to_phone: row for row in Outgoing.objects.order_by("pk")[before:]}
    assert set(rows) == {writes.phone, quiet.phone}
    assert rows[writes.phone].content["type"] == "text"
    assert rows[quiet.phone].template == template
    assert {row.lane for row in rows.values()} == {Outgoing.Lane.BULK}
    body = rows[writes.phone].content["text"]["body"]
    secret = body.partition("/n/")[2].partition("/")[0]
    assert (
        CopyLink.objects.get(copy__journalist=writes).hash
        == hashlib.sha256(secret.encode()).digest()
    )
    reasons = dict(Copy.objects.exclude(reason="").values_list("journalist", "reason"))
    assert reasons == {
        silent.pk: "opted_out", no_phone.pk: "no_whatsapp", not_agreed.pk: "not_agreed",
        left_out.pk: "excepted",
    }  # fmt: skip
    release.refresh_from_db()
    assert release.state == "running"
    Outgoing.objects.update(state="sent")
    services.tend(now=now + timedelta(seconds=2))
    release.refresh_from_db()
    story.refresh_from_db()
    assert (release.state, story.state) == ("finished", "sent")
    # Nobody gets it a second time, whatever the list is called.
    with pytest.raises(services.NobodyReached):
        send(story, writes, quiet, by=editor, now=now, template=template)


def test_what_was_paused_waits_and_what_was_withdrawn_is_dead(  # noqa: PLR0917
    story: Story, desk: Node, editor: Member, template: Template, client: StaffClient, now: datetime
) -> None:
    one = a_journalist(desk, now=now)
    release = send(story, one, by=editor, now=now, template=template)
    services.deliver(now=now)
    services.pause_release(release.public_id, by=editor, now=now)
    assert Outgoing.objects.get().not_before > now + timedelta(days=365)
    services.resume_release(release.public_id, by=editor, now=now)
    assert Outgoing.objects.get().not_before == now

    secret = a_secret(Copy.objects.get(), now=timezone.now())
    address = reverse("press:link", args=[secret])
    assert client.get(address).status_code == 200
    services.withdraw_release(release.public_id, by=editor, now=now)
    assert Outgoing.objects.get().state == "failed"
    assert client.get(address).status_code == 410
    assert AuditEntry.objects.filter(action="release.withdrawn").count() == 1
    story.refresh_from_db()
    assert story.state == "accepted"


def test_only_the_approved_version_is_sent(
    story: Story, desk: Node, editor: Member, now: datetime
) -> None:
    one = a_journalist(desk, now=now)
    made = a_list(desk, one)
    story.files.update(caption="غير ما اعتُمد")
    with pytest.raises(services.VersionNotApproved):
        services.release(
            story.public_id, lists=[made.public_id], excepted=(), template=None,
            version=story.version(), not_before=None, by=editor, now=now,
        )  # fmt: skip


def test_the_link_gives_text_web_sizes_and_byte_identical_originals_and_counts_them(
    story: Story, desk: Node, client: StaffClient, pictures: list[bytes], now: datetime
) -> None:
    release = a_release(story, a_journalist(desk, now=now), now=timezone.now())
    secret = a_secret(Copy.objects.get(release=release), now=timezone.now())

    page = client.get(reverse("press:link", args=[secret]))
    assert story.text.splitlines()[0] in page.content.decode()
    assert page["Referrer-Policy"] == "same-origin"
    assert "no-store" in page["Cache-Control"]
    files = story.chosen_files()
    for file, content in zip(files, pictures, strict=True):
        address = reverse("press:link_file", args=[secret, file.public_id])
        original = client.get(address, {"download": ""})
        assert b"".join(_streamed(original)) == content
        small = client.get(address, {"size": "web", "download": ""})
        assert small["Content-Type"] == "image/jpeg"
    packed = client.get(reverse("press:link_archive", args=[secret]))
    with zipfile.ZipFile(io.BytesIO(b"".join(_streamed(packed)))) as archive:
        assert [archive.read(name) for name in archive.namelist()] == pictures
    copy = Copy.objects.get(release=release)
    assert (copy.opens, copy.downloads) == (1, 6)


def _streamed(response: object) -> list[bytes]:
    async def taken() -> list[bytes]:
        return [piece async for piece in response.streaming_content]  # type: ignore[attr-defined]

    return async_to_sync(taken)()


def test_an_embargo_holds_the_material_until_its_time(
    story: Story, desk: Node, client: StaffClient, now: datetime
) -> None:
    Story.objects.filter(pk=story.pk).update(embargo_until=timezone.now() + timedelta(hours=1))
    release = a_release(story, a_journalist(desk, now=now), now=timezone.now())
    secret = a_secret(Copy.objects.get(release=release), now=timezone.now())
    file = story.files.first()
    assert file is not None
    held = client.get(reverse("press:link", args=[secret])).content.decode()
    assert story.text.splitlines()[0] not in held
    for name, more in (("press:link_file", [file.public_id]), ("press:link_archive", [])):
        assert client.get(reverse(name, args=[secret, *more])).status_code == 403

    Story.objects.filter(pk=story.pk).update(is_open_early=True)
    assert (
        story.text.splitlines()[0]
        in client.get(reverse("press:link", args=[secret])).content.decode()
    )


def test_a_file_of_journalists_is_looked_at_before_it_is_taken_in(
    desk: Node, editor: Member, now: datetime
) -> None:
    known = a_journalist(desk, now=now, phone="966551112222", name="قديم")
    lines = [
        "الاسم,الصحيفة,المجال,الجوال,البريد\n",
        "منى,اليوم,محليات,0551112222,\n",
        "سعد,اليوم,بلديات,0551113333,saad@paper.example\n",
        ",اليوم,,0551114444,\n",
        "رقم خطأ,سبق,,12345,\n",
        "مكرر,سبق,,0551113333,\n",
        "بلا جوال,سبق,,,desk@paper.example\n",
    ]
    listed = services.read_list(lines)
    assert [bool(one.problems) for one in listed] == [False, False, True, True, True, False]
    assert [one.line for one in listed if one.problems] == [4, 5, 6]
    assert listed[0].is_known
    count = services.import_list(listed, into="صحف", has_agreed=True, by=editor, now=now)
    assert count == 3
    known.refresh_from_db()
    assert known.name == "منى"
    assert Journalist.objects.filter(lists__name="صحف").count() == 3


def test_who_has_only_an_address_gets_the_story_by_mail_once_and_their_answer_stands_beside(
    story: Story, desk: Node, editor: Member, client: StaffClient, now: datetime
) -> None:
    address = "Mona@Paper.example"
    mona = a_journalist(desk, now=now, phone="", email=address)
    without = a_journalist(desk, now=now, phone="", email="x@paper.example")
    with pytest.raises(services.NobodyReached):
        send(story, mona, by=editor, now=now)
    number = make_mail_number()
    by_mail = {"phone": "", "whatsapp_id": "", "number_id": number.pk}
    stop = incoming("إيقاف", email="x@paper.example", received_at=now, **by_mail)
    cases.take_in([stop], now=now)
    before = Outgoing.objects.count()

    release = send(story, mona, without, by=editor, now=now)
    services.tend(now=now)
    services.tend(now=now + timedelta(seconds=1))

    (row,) = Outgoing.objects.order_by("pk")[before:]
    assert (row.to_email, row.to_phone, row.number) == (address.lower(), "", number)
    assert row.content["email"]["subject"] == story.shown_title
    text = row.content["email"]["text"]
    assert story.shown_text in text
    assert "/n/" in text
    assert "إيقاف" in text or "stop" in text
    assert dict(release.copies.values_list("journalist", "reason")) == {
        mona.pk: "", without.pk: "opted_out",
    }  # fmt: skip

    Outgoing.objects.filter(pk=row.pk).update(external_id="<1@example.org>", state="sent")
    later = now + timedelta(hours=1)
    answer = incoming(
        "متى الافتتاح؟",
        email=address.lower(),
        quoted_id="<1@example.org>",
        received_at=later,
        **by_mail,
    )
    cases.take_in([answer], now=later)
    client.force_login(editor)
    page = client.get(reverse("press:release", args=[release.public_id])).content.decode()
    assert page.count("متى الافتتاح؟") == 1
    assert release.copies.get(journalist=mona).contact == answer_contact(address.lower())


def test_who_is_not_on_whatsapp_gets_it_by_mail_once_unless_they_want_nothing(  # noqa: PLR0917
    story: Story, desk: Node, editor: Member, template: Template, client: StaffClient, now: datetime
) -> None:
    make_number()
    mona = a_journalist(desk, now=now, email="Mona@Paper.example")
    namesake = a_journalist(desk, now=now, email="mona@paper.example")
    without = a_journalist(desk, now=now)
    silent = a_journalist(desk, now=now, email="silent@paper.example")
    reached = a_journalist(desk, now=now, email="reached@paper.example")
    number = make_mail_number()
    by_mail = {"phone": "", "whatsapp_id": "", "number_id": number.pk}
    stop = incoming("إيقاف", email=silent.email, received_at=now, **by_mail)
    cases.take_in([stop], now=now)
    release = send(
        story, mona, namesake, without, silent, reached, by=editor, now=now, template=template
    )
    services.tend(now=now)
    by_whatsapp = Outgoing.objects.filter(subject_type="press.copy")
    by_whatsapp.update(state="sent")
    services.tend(now=now)
    release.refresh_from_db()
    assert release.state == "finished"

    later = now + timedelta(minutes=1)
    failed = by_whatsapp.exclude(to_phone=reached.phone)
    failed.update(state="failed", failed_at=later, error={"code": 131026})
    for second in range(3):
        services.tend(now=later + timedelta(seconds=second))
    row = Outgoing.objects.exclude(to_email="").get(subject_type="press.copy")
    assert (row.to_email, row.content["email"]["subject"]) == (
        "mona@paper.example",
        story.shown_title,
    )
    copy = release.copies.get(journalist=mona)
    assert (copy.is_by_email, copy.outgoing, copy.failed is None) == (True, row, False)
    assert CopyLink.objects.filter(copy=copy).count() == 2
    client.force_login(editor)
    page = client.get(reverse("press:release", args=[release.public_id])).content.decode()
    assert page.count("meta block") >= 4
    # Its bouncing is the end of it.
    Outgoing.objects.filter(pk=row.pk).update(state="failed", failed_at=later)
    assert services.tend(now=later + timedelta(minutes=1)) == 0
    # Nor is a secret left in either message.
    services.tend(now=later + timedelta(days=3))
    assert "/n/" not in str(list(by_whatsapp.values_list("content", flat=True)))


def answer_contact(email: str) -> Contact:
    return Contact.objects.get(identities__scheme="email", identities__value=email)


def test_under_an_embargo_the_mail_has_the_title_alone(story: Story, now: datetime) -> None:
    story.embargo_until = now + timedelta(hours=3)
    held = letter_for(story, "https://x/n/1", body="الأمانة", now=now)
    assert story.shown_title in held
    assert story.shown_text not in held
    assert story.shown_text in letter_for(
        story, "https://x/n/1", body="الأمانة", now=now + timedelta(hours=4)
    )


def test_only_who_the_table_names_approves_and_speaks_and_a_refusal_stays_in_the_trail(
    khobar: Node, desk: Node, editor: Member, client: StaffClient, now: datetime
) -> None:
    mayor, spokesperson = (
        make_member(kind, desk) for kind in (Role.Kind.EXECUTIVE, Role.Kind.SPOKESPERSON)
    )
    found = a_story(khobar, by=editor, now=now)

    def ask(approver: Member) -> Story:
        return services.ask_approval(
            found.public_id, Story.Weight.IMPORTANT, version=found.version(), topic="budget",
            approvers=[approver], by=editor, now=now,
        )  # fmt: skip

    with pytest.raises(mandates.NotTheirs, match=mayor.name):
        ask(spokesperson)
    client.force_login(editor)
    refused = client.post(
        reverse("press:approve", args=[found.public_id]),
        {"weight": "routine", "topic": "budget", "version": found.version()},
    )
    assert refused.status_code == 409
    assert mayor.name in refused.content.decode()
    assert AuditEntry.objects.get(action="mandate.approve_refused").details["topic"] == "budget"
    found.refresh_from_db()
    assert found.topic == "other"

    ask(mayor)
    work.finish(found.approvals.get().item.public_id, by=Access.of(mayor, now=now), now=now)  # type: ignore[union-attr]
    found.refresh_from_db()
    assert found.state == "accepted"
    # The mayor of the authority speaks of its budget, and has approved just this: the editor may send it.
    assert send(found, a_journalist(desk, now=now), by=editor, now=now, template=None)


def test_nobody_sends_what_only_others_speak_of(
    story: Story, desk: Node, editor: Member, now: datetime
) -> None:
    Story.objects.update(topic="crisis")
    with pytest.raises(mandates.NotTheirs):
        send(story, a_journalist(desk, now=now), by=editor, now=now)
    assert not Release.objects.exists()
