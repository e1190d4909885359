"""The editors' desk: what comes stays as it came, and only the version that was approved goes out."""

from __future__ import annotations

from datetime import datetime, timedelta
from unittest.mock import patch

import pytest
from django.urls import reverse
from django.utils import timezone

from bayan.channels.models import Outgoing
from bayan.core.events import holdings
from bayan.core.models import AuditEntry
from bayan.mandates import selectors as mandates
from bayan.mandates.models import Level
from bayan.organisation.models import Node
from bayan.people.freshness import confirm
from bayan.people.models import Member, Role
from bayan.people.permissions import Access
from bayan.people.tests.factories import make_member
from bayan.press import services, wording
from bayan.press.models import Story
from bayan.press.tests.factories import TEXT, a_picture, a_story, accepted
from bayan.work import services as work
from bayan.work.models import Item
from bayan.work.tests.factories import link_mobile, written_by
from conftest import StaffClient


@pytest.fixture
def sender(khobar: Node) -> Member:
    return make_member(Role.Kind.RESPONDER, khobar)


@pytest.fixture
def editor(desk: Node) -> Member:
    return make_member(Role.Kind.EDITOR, desk)


@pytest.fixture
def spokesperson(desk: Node) -> Member:
    return make_member(Role.Kind.SPOKESPERSON, desk)


@pytest.fixture
def director(desk: Node) -> Member:
    return make_member(Role.Kind.DIRECTOR, desk)


@pytest.fixture
def story(khobar: Node, sender: Member, now: datetime) -> Story:
    return a_story(khobar, by=sender, now=now, files=[a_picture(), a_picture("#a33")])


def ask(story: Story, weight: str, *approvers: Member, by: Member, now: datetime) -> None:
    services.ask_approval(
        story.public_id, weight, version=story.version(), approvers=approvers, by=by, now=now
    )


def end(item: Item, member: Member, now: datetime, end: str = "done", words: str = "") -> None:
    work.finish(item.public_id, by=Access.of(member, now=now), now=now, end=end, words=words)


def rewrite(story: Story, text: str, *, by: Member, now: datetime) -> None:
    services.edit(
        story.public_id, services.Edit(title=story.title, text=text, files={}), by=by, now=now
    )


def test_the_editors_words_stand_beside_the_original(
    story: Story, editor: Member, now: datetime
) -> None:
    first, second = story.files.order_by("position")
    services.edit(
        story.public_id,
        services.Edit(
            title=story.title,
            text=TEXT.replace("اليوم", "أمس"),
            files={first.public_id: ("الممشى", 2, True), second.public_id: ("", 1, False)},
        ),
        by=editor,
        now=now,
    )
    story.refresh_from_db()
    assert (story.text, story.title, story.edited_title) == (
        TEXT,
        "افتتاح ممشى الواجهة البحرية",
        "",
    )
    assert [file.public_id for file in story.chosen_files()] == [first.public_id]
    pieces = wording.changes(story.text, story.edited_text)
    assert [(p.kind, p.text) for p in pieces if p.kind != "same"] == [
        ("gone", "اليوم"),
        ("added", "أمس"),
    ]
    assert story.editor == editor


def test_a_routine_story_is_accepted_by_its_editor_and_a_statement_by_two_others(  # noqa: PLR0917
    story: Story, khobar: Node, sender: Member, editor: Member, spokesperson: Member,
    director: Member, now: datetime,
) -> None:  # fmt: skip
    other = a_story(khobar, by=sender, now=now)
    assert accepted(other, by=editor, now=now).state == "accepted"

    with pytest.raises(services.ApproversMissing):
        ask(story, "statement", spokesperson, spokesperson, by=editor, now=now)
    with pytest.raises(services.ApproversMissing):
        ask(story, "important", editor, by=editor, now=now)
    ask(story, "statement", spokesperson, director, by=editor, now=now)
    one, two = Item.objects.order_by("pk")
    end(one, spokesperson, now)
    story.refresh_from_db()
    assert story.state == "in_review"
    end(two, director, now)
    story.refresh_from_db()
    assert (story.state, story.approved_version) == ("accepted", story.version())
    trail = AuditEntry.objects.filter(subject_type="story", subject_key=str(story.public_id))
    assert "story.accepted" in trail.values_list("action", flat=True)


def test_a_stale_approval_is_refused_with_a_sentence(
    story: Story, editor: Member, spokesperson: Member, now: datetime
) -> None:
    ask(story, "important", spokesperson, by=editor, now=now)
    item = Item.objects.get()
    rewrite(story, f"{TEXT}\nويُفتتح رسميًا الخميس.", by=editor, now=now)

    with pytest.raises(work.ItemIsOver) as refused:
        end(item, spokesperson, now)
    assert "changed" in str(refused.value) or "تغيّر" in str(refused.value)
    story.refresh_from_db()
    assert (story.state, story.approvals.get().state) == ("in_review", "stale")

    # Who looked at another version cannot ask for it either.
    with pytest.raises(services.VersionChanged):
        services.ask_approval(
            story.public_id, "routine", version="0" * 64, approvers=[], by=editor, now=now
        )


def test_a_change_after_the_approval_takes_it_away(
    story: Story, editor: Member, now: datetime
) -> None:
    accepted(story, by=editor, now=now)
    rewrite(story, f"{TEXT}\nوالدخول مجاني.", by=editor, now=now)
    story.refresh_from_db()
    assert (story.state, story.approved_version) == ("in_review", "")


def press(item: Item, member: Member, now: datetime) -> str:
    """A member presses "approve" in WhatsApp; what they are told."""
    message = written_by(member, kind="button_reply", choice_id="work-done", received_at=now)
    work.receive([(message, str(item.public_id))], now=now)
    return str(Outgoing.objects.latest("pk").content)


def test_a_statement_is_approved_on_its_page_with_a_code_and_by_no_press(  # noqa: PLR0917
    story: Story, editor: Member, spokesperson: Member, director: Member, client: StaffClient,
    now: datetime,
) -> None:  # fmt: skip
    link_mobile(spokesperson, "966540000001", now=now)
    ask(story, "statement", spokesperson, director, by=editor, now=now)
    item = Item.objects.get(owner=spokesperson)
    assert item.on_page
    assert f"/work/{item.public_id}/" in press(item, spokesperson, now)

    address = reverse("press:decide", args=[story.public_id])
    given = {"version": story.version(), "end": "done"}
    client.force_login(spokesperson)
    assert address in client.get(reverse("press:story", args=[story.public_id])).content.decode()
    led = client.post(address, given)
    assert led.headers["Location"].startswith(reverse("people:confirm_factor"))
    assert Item.objects.get(pk=item.pk).is_open

    session = client.session
    confirm(session, now=timezone.now())
    session.save()
    assert client.post(address, given | {"version": "0" * 64}).status_code == 409
    assert client.post(address, given).status_code == 302
    # Once is enough.
    assert client.post(address, given).status_code == 409
    assert story.approvals.get(approver=spokesperson).state == "given"
    tried = AuditEntry.objects.filter(action="story.approval_refused")
    assert [line.details["why"] for line in tried.order_by("pk")] == ["changed", "not asked"]


def test_who_heads_the_body_or_stands_in_for_both_is_one_of_two_and_the_editor_none(  # noqa: PLR0917
    story: Story, editor: Member, spokesperson: Member, director: Member, desk: Node, now: datetime
) -> None:
    ask(story, "statement", spokesperson, director, by=editor, now=now)
    one, two = Item.objects.order_by("pk")
    end(one, director, now)
    with pytest.raises(services.MayNotApprove):
        end(two, director, now)
    Story.objects.update(editor=make_member(Role.Kind.ADMINISTRATOR, desk))
    story.refresh_from_db()
    assert story.editor is not None
    with pytest.raises(services.MayNotApprove):
        end(two, story.editor, now)
    assert story.approvals.filter(state="given").count() == 1


def test_a_crisis_that_begins_meanwhile_ends_the_buttons_and_wants_a_code_of_who_accepts_alone(  # noqa: PLR0917
    story: Story, khobar: Node, editor: Member, spokesperson: Member, client: StaffClient,
    now: datetime,
) -> None:  # fmt: skip
    link_mobile(spokesperson, "966540000001", now=now)
    ask(story, "important", spokesperson, by=editor, now=now)
    item = Item.objects.get()
    assert not item.on_page
    with patch.object(mandates, "level_of", return_value=Level.CRISIS):
        assert f"/press/{story.public_id}/" in press(item, spokesperson, now)
        assert story.approvals.get().state == "asked"
        services.decide_approval(
            story.public_id, version=story.version(), end="done", words="",
            by=Access.of(spokesperson, now=now), now=now,
        )  # fmt: skip
    assert story.approvals.get().state == "given"

    other = a_story(khobar, by=editor, now=now)
    client.force_login(editor)
    alone = {"weight": "routine", "version": other.version()}
    address = reverse("press:approve", args=[other.public_id])
    led = client.post(address, alone | {"topic": "crisis"})
    assert led.headers["Location"].startswith(reverse("people:confirm_factor"))
    client.post(address, alone)
    other.refresh_from_db()
    assert other.state == "accepted"


def test_what_an_approver_returns_is_with_the_editors_and_not_with_the_sender(
    story: Story, editor: Member, spokesperson: Member, now: datetime
) -> None:
    ask(story, "important", spokesperson, by=editor, now=now)
    end(Item.objects.get(), spokesperson, now, "returned", "احذفوا اسم المقاول")
    story.refresh_from_db()
    assert (story.state, story.remark, story.reason) == ("in_review", "احذفوا اسم المقاول", "")
    assert not story.news.filter(step="returned").exists()


def test_a_leaving_editors_stories_go_to_another(
    story: Story, editor: Member, director: Member, now: datetime
) -> None:
    services.take(story.public_id, editor=editor, by=editor, now=now)
    [holding] = [one for one in holdings() if one.key == "stories"]
    assert holding.count(editor) == 1
    assert holding.hand_over(editor, to=director, by=director, now=now) == 1
    story.refresh_from_db()
    assert story.editor == director


def test_people_who_were_not_asked_are_not_published(
    khobar: Node, sender: Member, editor: Member, now: datetime
) -> None:
    story = a_story(khobar, by=sender, now=now, shows_people="not_agreed")
    with pytest.raises(services.ConsentMissing):
        accepted(story, by=editor, now=now)


def test_each_step_begins_where_it_may_and_a_reason_is_never_missing(
    story: Story, editor: Member, sender: Member, now: datetime
) -> None:
    with pytest.raises(services.ReasonMissing):
        services.decline(story.public_id, " ", by=editor, now=now)
    services.give_back(story.public_id, "نحتاج الأصول", by=editor, now=now)
    with pytest.raises(services.StoryMoved):
        rewrite(story, "نص", by=editor, now=now)
    services.hand_in_again(
        story.public_id, services.Request(title="عنوان", text=TEXT), [], by=sender, now=now
    )
    accepted(Story.objects.get(), by=editor, now=now)
    services.publish(
        story.public_id, outlet="صحيفة", address="https://paper.example/1", by=editor, now=now
    )
    story.refresh_from_db()
    assert story.state == "published"
    with pytest.raises(services.StoryMoved):
        services.withdraw(story.public_id, by=sender, now=now + timedelta(hours=1))
    words = list(story.news.order_by("pk").values_list("step", flat=True))
    assert words == ["returned", "accepted", "published"]
