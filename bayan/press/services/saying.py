"""What the sender of a story is told in WhatsApp: short, polite, one thought at a time."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, override

from bayan.channels import services as channels
from bayan.channels.models import Media, Outgoing, Template
from bayan.core.errors import DomainError
from bayan.core.references import grouped
from bayan.inbox import services as inbox
from bayan.inbox.models import Conversation
from bayan.people.models import Member
from bayan.people.selectors import may_hear
from bayan.press.models import Story, StoryFile, StoryNews
from bayan.press.services.parts import STORY, State
from bayan.work.services import saying

AT_ONCE, MOST_LINES = 50, 6
# Of an editor's words under buttons, where a message carries 1,024 characters; the page has all of them.
LONGEST_WORDS = 600
conversation_with = saying.conversation_with


def say(
    conversation: Conversation,
    text: str,
    *,
    now: datetime,
    story: Story | None = None,
    buttons: Sequence[tuple[str, str]] = (),
) -> bool:
    """Write to the sender; False where they cannot be written to freely now."""
    conversation.matter = ""
    with suppress(inbox.WindowClosed):
        inbox.send(
            conversation, text, by=None, now=now, buttons=buttons, lane=Outgoing.Lane.PERSON,
            subject=(STORY, str(story.public_id)) if story else ("", ""),
        )  # fmt: skip
        return True
    return False


def address_of(story: Story) -> str:
    return f"{settings.PUBLIC_URL}{reverse('press:story', args=[story.public_id])}"


def how_to_send_originals() -> str:
    return _("So that pictures keep their quality: 📎, then “Document”, then choose them.")


def greet(conversation: Conversation, story: Story, *, is_new: bool, now: datetime) -> None:
    """Say that what follows belongs to the story."""
    begins = (
        _("Welcome. Send us the text, the pictures and the clip, in any order.")
        if is_new
        else _("We go on with your request %(number)s. Send what is still to come.")
        % {"number": grouped(story.reference)}
    )
    lines = [
        begins,
        story.reason,
        how_to_send_originals(),
        _("When you have finished, write: send"),
    ]
    say(conversation, "\n".join(filter(None, lines)), now=now)


def counted(files: Sequence[StoryFile]) -> str:
    """So many pictures, clips and other files, in words."""
    kinds = [file.kind for file in files]
    pictures, clips = kinds.count("image"), kinds.count("video")
    others = len(kinds) - pictures - clips
    said = []
    if pictures:
        said.append(ngettext("%(n)d picture", "%(n)d pictures", pictures) % {"n": pictures})
    if clips:
        said.append(ngettext("%(n)d clip", "%(n)d clips", clips) % {"n": clips})
    if others:
        said.append(ngettext("%(n)d file", "%(n)d files", others) % {"n": others})
    return " · ".join(said)


def counting(story: Story) -> list[StoryFile]:
    """The files that count: each once, as they came."""
    return [
        file
        for file in story.files.filter(twin=None).select_related("media").order_by("sent_at", "pk")
        if file.media.state not in {Media.State.REFUSED, Media.State.GONE}
    ]


def what_is_there(story: Story) -> str:
    """What has come of a story so far, in one line."""
    files = counting(story)
    parts = [_("the text ✓") if story.text else _("the text is still missing")]
    if files:
        parts.append(counted(files))
    return " · ".join(parts)


def sum_up(conversation: Conversation, story: Story, *, now: datetime) -> None:
    """One message for all that came since the last one: counts, and what of it came smaller than it was."""
    lines = [_("We have from you so far: %(what)s") % {"what": what_is_there(story)}]
    small = [file for file in counting(story) if file.is_compressed]
    lost = [
        file
        for file in story.files.filter(twin=None).select_related("media")
        if file.media.state in {Media.State.REFUSED, Media.State.GONE}
    ]
    doubles = story.files.exclude(twin=None).count()
    if doubles:
        lines.append(
            ngettext(
                "%(n)d came twice and counts once.", "%(n)d came twice and count once.", doubles
            )
            % {"n": doubles}
        )
    if small:
        lines.append(
            ngettext(
                "%(n)d came compressed by WhatsApp. To print it we need the original as a file.",
                "%(n)d came compressed by WhatsApp. To print them we need the originals as files.",
                len(small),
            )
            % {"n": len(small)}
        )
        lines.append(how_to_send_originals())
    if lost:
        lines.append(
            ngettext(
                "%(n)d file could not be taken. Please send it again.",
                "%(n)d files could not be taken. Please send them again.",
                len(lost),
            )
            % {"n": len(lost)}
        )
    if story.state not in {State.DRAFT, State.RETURNED}:
        say(conversation, "\n".join(lines), now=now)
        return
    lines.append(_("When you have finished, press “Send”."))
    say(conversation, "\n".join(lines), now=now, story=story, buttons=_buttons())


def _buttons() -> list[tuple[str, str]]:
    return [("story-send", _("Send")), ("story-cancel", _("Cancel the request"))]


def ask_whether_all(conversation: Conversation, story: Story, *, now: datetime) -> None:
    """Ask whoever has paused whether that was all."""
    text = _("Was that all for your request %(number)s? We have: %(what)s") % {
        "number": grouped(story.reference), "what": what_is_there(story),
    }  # fmt: skip
    buttons = [
        ("story-send", _("Send")),
        ("story-go-on", _("I will add more")),
        ("story-cancel", _("Cancel the request")),
    ]
    say(conversation, text, now=now, story=story, buttons=buttons)


def ask_for_text(conversation: Conversation, story: Story, *, now: datetime) -> None:
    """Say what is missing before it can be handed in."""
    files = counting(story)
    lines = [_("The text of the story is still missing: what happened, where and when.")]
    if files:
        lines.append(_("We have: %(what)s") % {"what": counted(files)})
    lines.append(_("Write it in one message, then write: send"))
    say(conversation, "\n".join(lines), now=now)


def thank(conversation: Conversation, story: Story, *, now: datetime) -> None:
    """Say that it was handed in, under which number, and how to ask about it."""
    files = counting(story)
    small = sum(file.is_compressed for file in files)
    what = f"«{story.title}»" + (f" · {counted(files)}" if files else "")
    lines = [
        _("Thank you. Your request for publication has arrived, no. %(number)s")
        % {"number": grouped(story.reference)},
        what,
    ]
    if small:
        lines.append(
            ngettext(
                "%(n)d is compressed; we may ask you for the original.",
                "%(n)d are compressed; we may ask you for the originals.",
                small,
            )
            % {"n": small}
        )
    lines.append(_("You hear from us at each step. To ask yourself, write: my stories"))
    say(conversation, "\n".join(lines), now=now)


def where_it_is(story: Story, words: str = "") -> str:
    """Where a story stands, as its sender is told."""
    number, title = grouped(story.reference), story.shown_title
    said = {
        State.DRAFT: _("Your request %(number)s is a draft: it has not been sent yet."),
        State.SUBMITTED: _("Your request %(number)s has arrived and waits for an editor."),
        State.IN_REVIEW: _("An editor is at work on your request %(number)s: “%(title)s”."),
        State.RETURNED: _("Thank you for “%(title)s”. One thing is still needed (no. %(number)s):"),
        State.ACCEPTED: _("Good news: “%(title)s” is accepted for publication (no. %(number)s)."),
        State.SENT: _("“%(title)s” has been sent to journalists (no. %(number)s)."),
        State.PUBLISHED: _("“%(title)s” is published (no. %(number)s). Thank you for it."),
        State.DECLINED: _(
            "Thank you for “%(title)s”. We cannot publish it this time (no. %(number)s):"
        ),
        State.WITHDRAWN: _("Your request %(number)s was withdrawn."),
    }[State(story.state)] % {"number": number, "title": title}
    return f"{said}\n{words}" if words else said


def tell_mine(conversation: Conversation, member: Member, *, now: datetime) -> None:
    """Tell a sender where their latest stories stand."""
    rows = list(Story.objects.filter(sender=member).order_by("-changed_at", "-pk")[:MOST_LINES])
    if not rows:
        say(
            conversation,
            _("You have no request yet. To send us a story, write: publish"),
            now=now,
        )
        return
    lines = [
        f"• {grouped(row.reference)} · {row.get_state_display()}"
        + (f" · {row.shown_title[:60]}" if row.shown_title else "")
        for row in rows
    ]
    say(conversation, "\n".join([_("Your requests for publication:"), *lines]), now=now)


@transaction.atomic
def tell_news(*, now: datetime) -> int:
    """Tell senders of the steps of their stories; returns of how many."""
    waiting = list(
        StoryNews.objects.filter(may_hear("story__sender", now=now), told_at=None)
        .select_related("story__sender", "story__node")
        .order_by("pk")
        .select_for_update(of=("self",), skip_locked=True)[:AT_ONCE]
    )
    for news in waiting:
        news.told_at, news.way = now, StoryNews.Way.PAGE
        sender = news.story.sender
        conversation = conversation_with(sender, now=now) if sender else None
        if sender is None or conversation is None:
            continue
        news.story.state = news.step
        with override(sender.language):
            news.way = _tell(conversation, news, now=now)
    StoryNews.objects.bulk_update(waiting, ["told_at", "way"])
    return len(waiting)


def _tell(conversation: Conversation, news: StoryNews, *, now: datetime) -> str:
    story = news.story
    returned = news.step == State.RETURNED
    # Under buttons WhatsApp takes a thousand characters; all of it stands on the page.
    words = news.words if len(news.words) <= LONGEST_WORDS else f"{news.words[:LONGEST_WORDS]}…"
    text = where_it_is(story, words)
    buttons: list[tuple[str, str]] = []
    if returned:
        buttons = [
            ("story-go-on", _("Complete it here")),
            ("story-cancel", _("Cancel the request")),
        ]
    else:
        text = f"{text}\n{address_of(story)}"
    if say(conversation, text, now=now, story=story, buttons=buttons):
        return StoryNews.Way.WHATSAPP
    return _by_template(conversation, story, now=now)


def _by_template(conversation: Conversation, story: Story, *, now: datetime) -> str:
    """Outside the window: the template by which members hear of their work; its button asks for the rest."""
    template = next(
        iter(
            Template.objects.filter(
                account=conversation.number.account_id,
                purpose=Template.Purpose.WORK,
                status=Template.Status.APPROVED,
                forget_at=None,
            ).order_by("language")
        ),
        None,
    )
    if template is None:
        return StoryNews.Way.PAGE
    said = [
        f"{story.shown_title[:80]}: {story.get_state_display()}",
        grouped(story.reference),
    ]
    keys = [p.key for p in channels.templates.parameters(template) if p.is_required]
    try:
        inbox.send_notice(
            conversation, template, dict(zip(keys, said, strict=False)),
            subject=(STORY, str(story.public_id)), lane=Outgoing.Lane.WORK, now=now,
        )  # fmt: skip
    except DomainError:
        return StoryNews.Way.PAGE
    return StoryNews.Way.TEMPLATE
