"""Approvals: asked of as many as the story's weight wants, each bound to exactly one version."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import override

from bayan.core import audit
from bayan.core.errors import DomainError
from bayan.core.references import grouped
from bayan.core.rls import as_worker
from bayan.core.views import uuid_in
from bayan.mandates import selectors as mandate_selectors
from bayan.mandates import services as mandates
from bayan.mandates.models import Act
from bayan.organisation import selectors as organisation
from bayan.people.models import Member
from bayan.people.permissions import Access
from bayan.press import selectors
from bayan.press.models import Approval, Story
from bayan.press.services import saying, stories
from bayan.press.services.parts import STORY, State, entry, locked, move, note, require_state
from bayan.work import services as work
from bayan.work.events import ItemEnded, ItemPassedOn, Subject
from bayan.work.models import Item

# Nobody else, one, two (docs/press.md).
WANTED = {Story.Weight.ROUTINE: 0, Story.Weight.IMPORTANT: 1, Story.Weight.STATEMENT: 2}
TERMS = {Story.Weight.IMPORTANT: timedelta(hours=7), Story.Weight.STATEMENT: timedelta(hours=2)}
LONGEST_EXTRACT = 500


class MayNotApprove(DomainError):
    pass


class ApproversMissing(DomainError):
    pass


class VersionChanged(DomainError):
    pass


class ConsentMissing(DomainError):
    pass


class CodeWanted(DomainError):
    pass


class NothingAsked(DomainError):
    pass


def is_grave(story: Story, *, weight: str = "", topic: str = "") -> bool:
    """Whether approving it wants a code of the second factor: a statement, or what is said in a crisis."""
    return (weight or story.weight) == Story.Weight.STATEMENT or mandate_selectors.in_crisis(
        topic or story.topic, story.node
    )


@transaction.atomic
def ask_approval(
    story_id: UUID,
    weight: str,
    *,
    version: str,
    approvers: Sequence[Member],
    topic: str = "",
    by: Member,
    now: datetime,
) -> Story:
    """Ask for what a story of this weight needs; a routine one is accepted by its editor at once.

    `version` is the one that the editor has before their eyes.

    :raises VersionChanged: somebody has changed it meanwhile
    :raises ApproversMissing: too few, twice the same, or the editor themselves
    :raises ConsentMissing: people are shown who were not asked
    :raises NotTheirs: the table names others to approve what it speaks of (mandates)
    :raises StoryMoved: it is not at the desk
    """
    stories.forget_approvals(story_id, by=by, now=now)
    story = locked(story_id)
    require_state(story, State.SUBMITTED, State.IN_REVIEW)
    if story.version() != version:
        raise VersionChanged(
            _("The story was changed meanwhile. Read it again, then ask for the approval.")
        )
    if story.shows_people == Story.People.NOT_AGREED:
        raise ConsentMissing(
            _("People in the pictures were not asked. Leave those pictures out, or let them agree.")
        )
    wanted = WANTED[Story.Weight(weight)]
    chosen = list(dict.fromkeys(approvers))[:wanted]
    if len(chosen) < wanted or by in chosen:
        raise ApproversMissing(
            _("A story of this weight needs %(count)d others to approve it. Choose them.")
            % {"count": wanted}
        )
    story.topic = topic or story.topic
    for member in chosen or [by]:
        _require_approver(story, member, by=by, now=now)
    story.approvals.filter(state=Approval.State.ASKED).update(
        state=Approval.State.STALE, ended_at=now
    )
    story.weight, story.remark, story.editor = weight, "", story.editor or by
    if not wanted:
        Approval.objects.create(
            story=story, version=version, approver=by, state=Approval.State.GIVEN, asked_at=now,
            ended_at=now,
        )  # fmt: skip
        _accept(story, version, by=by, now=now)
        return story
    if story.state == State.SUBMITTED:
        move(story, State.IN_REVIEW, "story.taken", by=by, now=now)
    story.save(update_fields=["weight", "topic", "remark", "editor"])
    _ask(story, version, chosen, by=by, now=now)
    note(story, "story.approval_asked", by=by, now=now, version=version[:12])
    return story


def _ask(
    story: Story, version: str, approvers: Sequence[Member], *, by: Member, now: datetime
) -> None:
    desk = organisation.desk()
    grave = is_grave(story)
    due_at = organisation.calendar().add(now, TERMS[Story.Weight(story.weight)])
    tasks = []
    for member in approvers:
        with override(member.language):
            title = _("Approve for publication: %(title)s") % {"title": story.shown_title}
            words = [story.shown_text[:LONGEST_EXTRACT]]
            if files := story.chosen_files():
                words.append(saying.counted(files))
            words.append(_("The whole of it: %(address)s") % {"address": saying.address_of(story)})
            if grave:
                words.append(_("It is approved there, with a code of the second factor."))
        tasks.append(
            work.Task(
                kind=Item.Kind.APPROVE, title=title[:140], text="\n".join(words), node=desk,
                given_from=desk, owner=member, due_at=due_at, subject=(STORY, str(story.public_id)),
                on_page=grave,
            )
        )  # fmt: skip
    for item, member in zip(work.give_each(tasks, by=by, now=now), approvers, strict=True):
        Approval.objects.create(
            story=story, version=version, approver=member, item=item, asked_at=now
        )


def _accept(story: Story, version: str, *, by: Member, now: datetime) -> None:
    story.approved_version, story.approved_at = version, now
    move(
        story, State.ACCEPTED, "story.accepted", by=by, now=now, version=version[:12],
        fields=["approved_version", "approved_at", "weight", "topic", "remark", "editor"],
    )  # fmt: skip


def _require_approver(story: Story, member: Member, *, by: Member, now: datetime) -> None:
    mandates.require(
        Act.APPROVE, story.topic, story.node, [member], by=by, now=now,
        subject=(STORY, str(story.public_id)),
    )  # fmt: skip


@transaction.atomic
def decide_approval(
    story_id: UUID, *, version: str, end: str, words: str, by: Access, now: datetime
) -> None:
    """Give one's approval on the story's page, return it or refuse it; `version` is the one that was read.

    A try that is refused stays in the trail.

    :raises VersionChanged: it is another one now
    :raises NothingAsked: this member is not asked, or not any more
    :raises NotTheirs, WordsMissing: as when the task ends
    """
    story = locked(story_id)

    def tried(why: str) -> list[audit.Entry]:
        return [entry(story, "story.approval_refused", by=by.member, now=now, why=why)]

    if story.version() != version:
        raise VersionChanged(
            _("The story was changed meanwhile. Read it again, then decide."),
            entries=tried("changed"),
        )
    approval = selectors.approval_for(story, version, by, now=now)
    if approval is None or approval.item is None:
        raise NothingAsked(
            _("You are not asked to approve this, or it was decided meanwhile."),
            entries=tried("not asked"),
        )
    if is_grave(story):
        # It may have become so after they were asked: from now on no button ends it.
        Item.objects.filter(pk=approval.item.pk).update(on_page=True)
    work.finish(approval.item.public_id, by=by, now=now, words=words, end=end)


def follow_passed_on(fact: ItemPassedOn) -> None:
    """An approval is passed on only to somebody who may give it.

    :raises MayNotApprove, NotTheirs: this member may not; by role, or about this topic
    """
    item = fact.item
    if item.subject_type != STORY or item.kind != Item.Kind.APPROVE:
        return
    if not may_approve(fact.to, now=fact.at):
        raise MayNotApprove(
            _("%(name)s may not approve what the authority publishes.") % {"name": fact.to.name}
        )
    with as_worker():
        story = Story.objects.select_related("node").get(public_id=item.subject_key)
        _require_approver(story, fact.to, by=fact.by, now=fact.at)


def follow_ended(fact: ItemEnded) -> None:
    """What an approver answered, counted for the version that they were asked about and for no other.

    :raises CodeWanted: a crisis began after they were asked, so a press is not enough any more
    """
    item = fact.item
    if item.subject_type != STORY or item.kind != Item.Kind.APPROVE:
        return
    # Who approves may see less than who edits.
    with as_worker():
        approval = Approval.objects.filter(item=item).first()
        if approval is None:
            return
        story = Story.objects.select_for_update(of=("self",)).get(pk=approval.story_id)
        approval.refresh_from_db(fields=["state"])
        if approval.state != Approval.State.ASKED:
            return
        approval.ended_at = fact.at
        is_stale = item.state == Item.State.WITHDRAWN or story.version() != approval.version
        approval.state = (
            Approval.State.STALE
            if is_stale or story.state != State.IN_REVIEW
            else {
                Item.State.DONE: Approval.State.GIVEN,
                Item.State.RETURNED: Approval.State.RETURNED,
                Item.State.REFUSED: Approval.State.REFUSED,
            }[Item.State(item.state)]
        )
        approval.save(update_fields=["state", "ended_at"])
        if approval.state == Approval.State.STALE or fact.by is None:
            return
        if approval.state == Approval.State.GIVEN:
            _count(story, approval, by=fact.by, now=fact.at)
            return
        story.remark = item.answer
        story.save(update_fields=["remark"])
        note(story, "story.approval_denied", by=fact.by, now=fact.at, approval=approval.state)


def _count(story: Story, approval: Approval, *, by: Member, now: datetime) -> None:
    if is_grave(story) and not (approval.item and approval.item.on_page):
        raise CodeWanted(
            _(
                "This is approved on its page only, with a code of the second factor: a crisis is on."
                "\n%(address)s"
            )
            % {"address": saying.address_of(story)}
        )
    # Who stands in for both, or heads the body, is one person still.
    others = story.approvals.filter(version=approval.version, state=Approval.State.GIVEN)
    if by == story.editor or others.exclude(pk=approval.pk).filter(item__ended_by=by).exists():
        raise MayNotApprove(
            _("Somebody else must approve it: you edited it, or have approved it already.")
        )
    # Whoever it was passed on to must be one of those too.
    _require_approver(story, by, by=by, now=now)
    asked = story.approvals.filter(version=approval.version)
    given = asked.filter(state=Approval.State.GIVEN).values("approver").distinct().count()
    note(story, "story.approved", by=by, now=now, version=approval.version[:12])
    if given >= WANTED[Story.Weight(story.weight)]:
        _accept(story, approval.version, by=by, now=now)


def describe_stories(keys: Collection[str]) -> dict[str, Subject]:
    """The stories among these, as those who must act are told of them."""
    named = [key for text in keys if (key := uuid_in(text))]
    return {
        str(story.public_id): Subject(
            title=_("Story %(number)s") % {"number": grouped(story.reference)},
            node_id=story.node_id,
            owner_id=story.editor_id,
            path=reverse("press:story", args=[story.public_id]),
            live_key=str(story.public_id),
        )
        for story in Story.objects.filter(public_id__in=named)
    }


def may_approve(member: Member, *, now: datetime) -> bool:
    """Whether this member may be asked to approve what the authority publishes."""
    return Access.of(member, now=now).may_everywhere("press.approve")
