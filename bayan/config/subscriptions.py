"""Every reaction in the platform, in one list: who takes charge of what."""

from functools import partial
from operator import attrgetter

from django.db.models import Exists, OuterRef
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from bayan.cases import messages as cases_messages
from bayan.cases import services as cases
from bayan.cases.models import Case, Directive
from bayan.channels import services as channels
from bayan.channels.events import AlertRaised, AlertSettled
from bayan.channels.models import Account, Number
from bayan.core import automatic, events, undo
from bayan.correspondence import messages as correspondence_messages
from bayan.correspondence import services as correspondence
from bayan.correspondence.models import Letter
from bayan.desk import messages as desk_messages
from bayan.desk import services as desk
from bayan.desk.models import FieldReport
from bayan.inbox import messages as inbox_messages
from bayan.inbox import services as inbox
from bayan.inbox.events import PeopleAnswered, PersonAnswered
from bayan.inbox.models import Conversation, Message
from bayan.meetings import messages as meetings_messages
from bayan.meetings import services as meetings
from bayan.meetings.models import Meeting
from bayan.needs import messages as needs_messages
from bayan.needs import services as needs
from bayan.needs.models import Kind as NeedKind
from bayan.needs.models import Need
from bayan.needs.selectors import held_by as held_needs
from bayan.organisation import selectors as organisation
from bayan.organisation.models import Node
from bayan.people.models import Contact
from bayan.portal import messages as portal_messages
from bayan.press import messages as press_messages
from bayan.press import services as press
from bayan.press.models import Story
from bayan.retention import services as retention
from bayan.work import messages as work_messages
from bayan.work import services as work
from bayan.work.events import (
    ClockMissed,
    ItemEnded,
    ItemGiven,
    ItemPassedOn,
    register_remarks,
    register_subject,
)
from bayan.work.models import Item

# The kind of thing as which a person is held, with all that is theirs.
CONTACT = "contact"


def load() -> None:
    """Fill the registries of `core.events` and `core.undo`; called once at start."""
    _answers()
    _reactions()
    _holdings()
    _keepings()
    _undoing()


def _answers() -> None:
    """Who takes charge of what people and members write."""
    events.receive_replies(channels.TEST, channels.hear_test)
    events.receive_replies(cases.SATISFACTION, cases.receive_satisfaction)
    events.receive_replies(cases.WHERE, cases.receive_place)
    events.receive_replies(cases.SAME_PLACE, cases.receive_same)
    events.receive_replies(cases.FORWARD, cases.receive_decision)
    events.receive_replies(needs.ASKED, needs.receive_asked)
    events.receive_replies(needs.TOLD, needs.receive_told)
    events.receive_replies(work.ONE, cases.receive_work)
    events.receive_replies(work.SEVERAL, cases.receive_work_choice)
    events.receive_replies(work.OUTSIDE, cases.receive_outside)
    events.receive_replies(
        correspondence.RECIPIENT,
        lambda replies, *, now: cases.take_in(correspondence.receive(replies, now=now), now=now),
    )
    events.receive_replies(
        meetings.VOTER,
        lambda replies, *, now: cases.take_in(meetings.receive(replies, now=now), now=now),
    )
    events.receive_replies(
        meetings.INVITEE,
        lambda replies, *, now: cases.take_in(meetings.receive_answers(replies, now=now), now=now),
    )
    events.hear_quotations(work.ONE, work.receive)
    events.hear_quotations(correspondence.RECIPIENT, correspondence.receive)
    events.hear_quotations(meetings.VOTER, meetings.receive)
    events.hear_quotations(meetings.INVITEE, meetings.receive_answers)
    events.receive_replies(desk.STAFF, desk.receive_choice)
    events.receive_replies(press.STORY, press.receive_choice)
    # What members write: words of the menu before anything else, then (cases.take_in) what they were asked
    # for, then what they ask, then parts of the report or the story that they are at.
    events.hear_members(desk.hear_commands, first=True)
    events.hear_members(meetings.hear_names)
    # Words under a message of ours are about that, whatever else they may look like.
    events.hear_members(work.hear_quotations)
    events.hear_members(meetings.hear)
    events.hear_members(needs.hear)
    events.hear_members(desk.hear_wishes)
    events.hear_members(desk.hear_parts)
    events.hear_members(press.hear)
    for entry in desk.ENTRIES:
        events.register_menu_entry(entry)
    events.offer_for_forwards(
        events.ForwardChoice("facts", _("Ask for facts"), correspondence.ask_facts)
    )
    register_remarks(correspondence.LETTER, correspondence.take_remark)


def _reactions() -> None:
    """Who follows what happens below, and what clocks and tasks are about."""
    events.subscribe(AlertRaised, work.call_for_alert)
    events.subscribe(AlertSettled, work.settle_call)
    events.subscribe(PersonAnswered, cases.follow_answer)
    events.subscribe(PersonAnswered, cases.hear_answer)
    events.subscribe(PeopleAnswered, cases.follow_answers)
    events.subscribe(PeopleAnswered, cases.hear_answers)
    events.subscribe(ItemGiven, cases.follow_given)
    events.subscribe(ItemEnded, cases.follow_ended)
    events.subscribe(ClockMissed, cases.follow_missed)
    events.subscribe(ItemPassedOn, correspondence.follow_passed_on)
    events.subscribe(ItemPassedOn, meetings.follow_passed_on)
    events.subscribe(ItemPassedOn, press.follow_passed_on)
    events.subscribe(ItemEnded, correspondence.follow_approval)
    events.subscribe(ItemEnded, meetings.follow_minutes)
    events.subscribe(ItemEnded, needs.follow_ended)
    events.subscribe(ItemEnded, press.follow_ended)
    register_subject(correspondence.LETTER, correspondence.describe_letters)
    register_subject(cases.CASE, cases.describe_cases)
    register_subject(cases.DIRECTIVE, cases.describe_directives)
    register_subject(meetings.MEETING, meetings.describe_meetings)
    register_subject(needs.NEED, needs.describe_needs)
    register_subject(needs.BOOKING, needs.describe_bookings)
    register_subject(needs.THING, needs.describe_things)
    register_subject(press.STORY, press.describe_stories)
    register_subject(work.ALERT, work.describe_alerts)
    register_subject(work.ITEM, work.describe_items)


def _holdings() -> None:
    """What a leaving member hands over, and what a macro can set."""
    events.register_holding(
        events.Holding(
            key="conversations",
            label=_("Open conversations"),
            count=lambda member: Conversation.objects.open().filter(assignee=member).count(),
            hand_over=inbox.hand_over,
        )
    )
    events.register_holding(
        events.Holding(
            key="cases",
            label=_("Open cases"),
            count=lambda member: Case.objects.open().filter(owner=member).count(),
            hand_over=cases.hand_over,
        )
    )
    events.register_holding(
        events.Holding(
            key="tasks",
            label=_("Open tasks"),
            count=lambda member: Item.objects.open().filter(owner=member).count(),
            hand_over=work.hand_over,
        )
    )
    events.register_holding(
        events.Holding(
            key="letters",
            label=_("Drafts of letters"),
            count=lambda member: Letter.objects.filter(author=member, sent_at=None).count(),
            hand_over=correspondence.hand_over_letters,
        )
    )
    events.register_holding(
        events.Holding(
            key="meetings",
            label=_("Drafts of polls, and open meetings"),
            count=meetings.count_held,
            hand_over=meetings.hand_over,
        )
    )
    events.register_holding(
        events.Holding(
            key="needs",
            label=_("Open requests of needs, and bookings"),
            count=held_needs,
            hand_over=needs.hand_over_needs,
        )
    )
    events.register_holding(
        events.Holding(
            key="stories",
            label=_("Stories for publication"),
            count=lambda member: Story.objects.unfinished().filter(editor=member).count(),
            hand_over=press.hand_over,
        )
    )
    for key, label, choices in (
        ("priority", _("Priority"), Case.Priority.choices),
        ("category", _("Category"), Case.Category.choices),
        ("kind", _("Kind"), Case.Kind.choices),
    ):
        events.register_matter_field(
            events.MatterField(
                key=key, label=label, choices=choices, set_to=partial(cases.sort_matters, key)
            )
        )
    events.offer_words_of_matter(cases.words_of_matter)
    # cases.take_in knows the message that links a mobile.
    events.offer_phone_numbers(
        lambda: list(
            Number.objects.of_whatsapp()
            .filter(stopped_at=None)
            .exclude(account__nature=Account.Nature.EXERCISE)
            .order_by("pk")
            .values_list("display", flat=True)
        )
    )

    # What the public reads first, in the order of a case's life.
    for said in (
        inbox_messages,
        cases_messages,
        portal_messages,
        work_messages,
        correspondence_messages,
        meetings_messages,
        desk_messages,
        needs_messages,
        press_messages,
    ):
        automatic.register(said.MESSAGES)


def _keepings() -> None:
    """What has periods (the pack's retention.toml), and who destroys it when a director says so."""
    retention.register_keeping(
        retention.Keeping(
            what=correspondence.LETTER,
            label=pgettext_lazy("retention", "Letters"),
            rows=lambda: Letter.objects.filter(
                state__in=[Letter.State.SENT, Letter.State.RECALLED]
            ),
            kind_field="kind",
            kinds=Letter.Kind.choices,
            grade_field="grade",
            grades=Letter.Grade.choices,
            since_field="sent_at",
            number=attrgetter("reference"),
            title=attrgetter("subject"),
            path=lambda letter: reverse("correspondence:letter", args=[letter.public_id]),
            destroy=correspondence.destroy,
        )
    )
    retention.register_keeping(
        retention.Keeping(
            what=press.STORY,
            label=pgettext_lazy("retention", "Stories for publication"),
            rows=lambda: Story.objects.filter(state__in=press.OVER),
            kind_field="weight",
            kinds=Story.Weight.choices,
            since_field="changed_at",
            number=attrgetter("reference"),
            title=attrgetter("shown_title"),
            path=lambda story: reverse("press:story", args=[story.public_id]),
            destroy=press.destroy,
        )
    )
    retention.register_keeping(
        retention.Keeping(
            what=cases.CASE,
            label=pgettext_lazy("retention", "Cases"),
            rows=lambda: (
                Case.objects.closed()
                .exclude(Exists(Directive.objects.filter(case=OuterRef("pk"))))
                .select_related("contact", "conversation")
            ),
            kind_field="kind",
            kinds=[*Case.Kind.choices, ("", pgettext_lazy("retention", "without a kind"))],
            since_field="closed_at",
            number=attrgetter("reference"),
            title=lambda case: case.subject or case.reference,
            path=lambda case: (
                f"{reverse('inbox:conversation', args=[case.conversation.public_id])}?view=all"
            ),
            to_hold=lambda: Case.objects.select_related("contact", "conversation"),
            destroy=cases.forget_case,
            leaves=_(
                "Body, kind, service, times, outcome and rating stay, so the figures do not change. The "
                "person, their words, files and place go; cases on which a directive rests stay whole."
            ),
            held_with={CONTACT: "contact__public_id"},
        )
    )
    retention.register_keeping(
        retention.Keeping(
            what=inbox.CONVERSATION,
            label=pgettext_lazy("retention", "Conversations, outside of cases"),
            rows=lambda: (
                Conversation.objects.closed()
                .filter(Exists(Message.objects.filter(conversation=OuterRef("pk"), matter="")))
                .select_related("contact")
            ),
            since_field="last_message_at",
            number=lambda conversation: str(conversation.public_id)[-12:],
            title=lambda conversation: (
                conversation.contact.name or str(conversation.public_id)[-12:]
            ),
            path=lambda conversation: reverse("inbox:conversation", args=[conversation.public_id]),
            to_hold=lambda: Conversation.objects.select_related("contact"),
            destroy=inbox.forget_conversation,
            leaves=_(
                "That there were messages, when and of which kind, stays. Words, files and numbers go; what "
                "belongs to a case is kept as long as the case."
            ),
            held_with={CONTACT: "contact__public_id"},
        )
    )
    retention.register_keeping(
        retention.Keeping(
            what=needs.NEED,
            label=pgettext_lazy("retention", "Needs"),
            rows=lambda: Need.objects.filter(
                state__in=[Need.State.CONFIRMED, Need.State.REFUSED, Need.State.WITHDRAWN]
            ),
            kind_field="kind",
            kinds=NeedKind.choices,
            since_field="ended_at",
            number=attrgetter("reference"),
            title=attrgetter("title"),
            path=lambda need: reverse("needs:need", args=[need.public_id]),
            to_hold=Need.objects.all,
            destroy=needs.forget_need,
            leaves=_(
                "Body, kind, numbers asked, granted and provided, and times stay, so the year's inventory "
                "does not change. Words, answers, files and names go."
            ),
        )
    )
    retention.register_keeping(
        retention.Keeping(
            what=desk.FIELD_REPORT,
            label=pgettext_lazy("retention", "Reports from the field"),
            rows=lambda: FieldReport.objects.exclude(state=FieldReport.State.DRAFT),
            since_field="at",
            number=lambda report: str(report.public_id)[-12:],
            title=lambda report: report.text[:80] or report.place or str(report.public_id)[-12:],
            path=lambda report: reverse("field:report", args=[report.public_id]),
            destroy=desk.forget_report,
            leaves=_(
                "Body, time and how many files it had stay. Words, pictures, place and who sent it go; what "
                "of it stands in a case is kept as long as the case."
            ),
        )
    )
    retention.register_keeping(
        retention.Keeping(
            what=meetings.MEETING,
            label=pgettext_lazy("retention", "Meetings"),
            rows=Meeting.objects.called,
            kind_field="kind",
            kinds=Meeting.Kind.choices,
            since_field="starts_at",
            number=lambda meeting: str(meeting.public_id)[-12:],
            title=attrgetter("title"),
            path=lambda meeting: reverse("meetings:meeting", args=[meeting.public_id]),
            destroy=meetings.forget_meeting,
            leaves=_(
                "When it was, who was invited and who came stay. Title, agenda, minutes, decisions and files "
                "go."
            ),
        )
    )
    retention.register_holding(
        retention.Holding(
            what=CONTACT,
            label=pgettext_lazy("retention", "Person"),
            rows=Contact.objects.all,
            node=_body_of_contact,
            number=lambda contact: str(contact.public_id)[-12:],
            title=lambda contact: contact.name or str(contact.public_id)[-12:],
            path=lambda contact: reverse("contacts:contact", args=[contact.public_id]),
        )
    )


def _body_of_contact(contact: Contact) -> Node:
    """The body with which they wrote last, as far as the reader sees that; else the authority."""
    last = (
        Conversation.objects.filter(contact=contact)
        .select_related("node")
        .order_by("-last_message_at", "-pk")
        .first()
    )
    return last.node if last else organisation.desk()


def _undoing() -> None:
    """What can be undone for ten seconds."""
    undo.register(channels.WORDED, channels.undo_word)
    undo.register(inbox.ASSIGNED, inbox.undo_assign)
    undo.register(inbox.SNOOZED, inbox.undo_snooze)
    undo.register(inbox.LABELLED, inbox.undo_label)
    undo.register(inbox.NOTED, inbox.undo_notes)
    undo.register(inbox.RAN, inbox.undo_run)
    undo.register(cases.PASSED_ON, cases.undo_pass_on)
    undo.register(cases.MERGED, cases.undo_merge_contacts)
    undo.register(cases.CONTACT_SPLIT, cases.undo_split_contact)
    undo.register(cases.JOINED, cases.undo_matters)
    undo.register(cases.PARTED, cases.undo_matters)
    undo.register(cases.SPLIT, cases.undo_split)
    undo.register(cases.LINKED, cases.undo_link)
    undo.register(cases.UNLINKED, cases.undo_unlink)
    undo.register(cases.GIVEN, cases.undo_give_to)
    undo.register(cases.PRIORITY_SET, cases.undo_set_priority)
    undo.register(cases.SORTED, cases.undo_sort)
    undo.register(cases.BEGUN, cases.undo_begin_surge)
    undo.register(cases.HANDLED, cases.undo_handle_together)
    undo.register(cases.ENDED, cases.undo_end_together)
    undo.register(meetings.SENT, meetings.undo_send)
    undo.register(meetings.CALLED, meetings.undo_call)
    undo.register(needs.DECIDED, needs.undo_decision)
    undo.register(cases.RULE_DELETED, cases.undo_delete_rule)
    undo.register(cases.TERMS_SET, cases.undo_terms)
