"""Telling the administrators, by the ways that still work, that an account is in trouble."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.urls import reverse
from django.utils.translation import override

from bayan.channels import wording
from bayan.channels.models import Alert, Outgoing
from bayan.channels.services.letters import Letter, reach
from bayan.organisation import selectors as organisation
from bayan.people import selectors as people
from bayan.people.models import Role

SUBJECT = "account.alert"
IN_CHARGE = (Role.Kind.ADMINISTRATOR, Role.Kind.DIRECTOR)
# What is over so soon is nobody's business; what has stood for longer has been told, or was there before
# anybody could be.
GRACE, FRESH = timedelta(seconds=20), timedelta(hours=1)


@transaction.atomic
def announce_alerts(*, now: datetime) -> int:
    """Have everybody told who can mend what is critical, once; returns how many troubles were new."""
    alerts = list(
        Alert.objects.filter(
            resolved_at=None,
            announced_at=None,
            severity=Alert.Severity.CRITICAL,
            first_at__gt=now - FRESH,
            first_at__lte=now - GRACE,
        )
        # After a restart the first report may come late; the alert itself ends with the next look.
        .exclude(kind="webhooks_silent", account__last_webhook_at__gte=F("first_at"))
        .select_related("account", "number")
        .select_for_update(of=("self",), skip_locked=True)
        .order_by("pk")[:20]
    )
    if not alerts:
        return 0
    desk = organisation.desk()
    members = people.in_charge_of(desk, IN_CHARGE, now=now)
    address = f"{settings.PUBLIC_URL}{reverse('channels:health')}"
    letters = []
    for alert in alerts:
        for member in members:
            with override(member.language):
                words = wording.of_alert(alert)
                title = f"{words.title}: {alert.number or alert.account.name}"
                lines = [title, str(words.why), str(words.todo), address]
            letters.append(
                Letter(
                    member_id=member.pk,
                    node_id=desk.pk,
                    subject_key=str(alert.pk),
                    title=title,
                    text="\n".join(line for line in lines if line),
                    lane=Outgoing.Lane.CRISIS,
                )
            )
    reach(letters, subject_type=SUBJECT, now=now)
    Alert.objects.filter(pk__in=[alert.pk for alert in alerts]).update(announced_at=now)
    return len(alerts)
