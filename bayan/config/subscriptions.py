"""Every reaction in the platform, in one list: who takes charge of what."""

from functools import partial

from django.utils.translation import gettext_lazy as _

from bayan.cases import services as cases
from bayan.cases.models import Case
from bayan.channels.models import Account, Number
from bayan.core import events, undo
from bayan.inbox import services as inbox
from bayan.inbox.events import PeopleAnswered, PersonAnswered
from bayan.inbox.models import Conversation
from bayan.press import services as press
from bayan.press.models import Story
from bayan.work import services as work
from bayan.work.events import ItemEnded, ItemGiven, register_subject
from bayan.work.models import Item


def load() -> None:
    """Fill the registries of `core.events` and `core.undo`; called once at start."""
    events.receive_replies(cases.SATISFACTION, cases.receive_satisfaction)
    events.receive_replies(cases.WHERE, cases.receive_place)
    events.receive_replies(cases.SAME_PLACE, cases.receive_same)
    events.receive_replies(cases.FORWARD, cases.receive_decision)
    events.receive_replies(work.ONE, cases.receive_work)
    events.receive_replies(work.SEVERAL, cases.receive_work_choice)
    events.receive_replies(press.STORY, press.receive_choice)
    events.hear_members(press.hear)
    events.subscribe(PersonAnswered, cases.follow_answer)
    events.subscribe(PersonAnswered, cases.hear_answer)
    events.subscribe(PeopleAnswered, cases.follow_answers)
    events.subscribe(PeopleAnswered, cases.hear_answers)
    events.subscribe(ItemGiven, cases.follow_given)
    events.subscribe(ItemEnded, cases.follow_ended)
    events.subscribe(ItemEnded, press.follow_ended)
    register_subject(cases.CASE, cases.describe_cases)
    register_subject(cases.DIRECTIVE, cases.describe_directives)
    register_subject(press.STORY, press.describe_stories)
    register_subject(work.ITEM, work.describe_items)

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
    # cases.take_in knows the message that links a mobile.
    events.offer_phone_numbers(
        lambda: list(
            Number.objects.filter(stopped_at=None)
            .exclude(account__nature=Account.Nature.EXERCISE)
            .order_by("pk")
            .values_list("display", flat=True)
        )
    )

    undo.register(inbox.ASSIGNED, inbox.undo_assign)
    undo.register(inbox.SNOOZED, inbox.undo_snooze)
    undo.register(inbox.LABELLED, inbox.undo_label)
    undo.register(inbox.NOTED, inbox.undo_notes)
    undo.register(inbox.RAN, inbox.undo_run)
    undo.register(cases.PASSED_ON, cases.undo_pass_on)
    undo.register(cases.MERGED, cases.undo_merge_contacts)
    undo.register(cases.JOINED, cases.undo_matters)
    undo.register(cases.PARTED, cases.undo_matters)
    undo.register(cases.LINKED, cases.undo_link)
    undo.register(cases.UNLINKED, cases.undo_unlink)
    undo.register(cases.GIVEN, cases.undo_give_to)
    undo.register(cases.PRIORITY_SET, cases.undo_set_priority)
    undo.register(cases.SORTED, cases.undo_sort)
    undo.register(cases.BEGUN, cases.undo_begin_surge)
    undo.register(cases.HANDLED, cases.undo_handle_together)
    undo.register(cases.RULE_DELETED, cases.undo_delete_rule)
