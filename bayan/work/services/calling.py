"""Calling a person for what stops a channel: a lamp on a page rings no phone."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _

from bayan.channels.events import AlertRaised, AlertSettled
from bayan.channels.models import Alert
from bayan.core.rls import as_worker
from bayan.organisation import selectors as organisation
from bayan.organisation.models import Node
from bayan.people import selectors as people
from bayan.people.models import Role
from bayan.work.events import Subject
from bayan.work.models import Item
from bayan.work.services import items
from bayan.work.services.items import Task

ALERT = "alert"
IN_CHARGE = (Role.Kind.ADMINISTRATOR, Role.Kind.DIRECTOR)
# Until somebody must have seen it: where nothing goes out any more, and where other ways are left.
AT_ONCE, SOON = timedelta(minutes=10), timedelta(hours=1)


@transaction.atomic
def call_for_alert(fact: AlertRaised) -> None:
    """Have the officer on duty and whoever administers or directs acknowledge it; each alert calls once.

    They are told by WhatsApp where another number still works, else by text message or e-mail (`onward`). An
    alert that was taken to be over and is not calls again.
    """
    subject = (ALERT, str(fact.alert.pk))
    # Who looks after channels need not see the body's other work: the door has been checked.
    with as_worker():
        called = Item.objects.filter(subject_type=subject[0], subject_key=subject[1])
        if called.exclude(state=Item.State.WITHDRAWN).exists():
            return
        node = Node.objects.get(pk=fact.node_id)
        items.give(
            Task(
                kind=Item.Kind.ACKNOWLEDGE,
                title=fact.title,
                text=fact.text,
                node=node,
                given_from=node,
                due_at=fact.at + (AT_ONCE if fact.is_standstill else SOON),
                around_the_clock=True,
                is_emergency=fact.is_standstill,
                subject=subject,
                told_too=people.in_charge_of(node, IN_CHARGE, now=fact.at),
            ),
            by=None,
            now=fact.at,
        )


def settle_call(fact: AlertSettled) -> None:
    """Nobody need look at what is over: withdraw the call if it is still open."""
    with as_worker():
        items.withdraw_of((ALERT, str(fact.alert_id)), by=fact.by, now=fact.at)


def describe_alerts(keys: Collection[str]) -> dict[str, Subject]:
    """The alerts among these, as the page of a call names them; the words are the call's own."""
    known = Alert.objects.filter(pk__in=[key for key in keys if key.isdecimal()])
    return {
        str(alert.pk): Subject(
            title=_("Health of the accounts: %(account)s") % {"account": alert.account.name},
            node_id=alert.number.node_id if alert.number else organisation.desk().pk,
            owner_id=None,
            path=reverse("channels:health"),
            live_key=alert.account.key,
        )
        for alert in known.select_related("account", "number")
    }
