"""What every staff page shows of the one who looks at it."""

from typing import Any

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest

from bayan.organisation import selectors as organisation
from bayan.people.models import Role
from bayan.people.permissions import Access


def staff(request: HttpRequest) -> dict[str, Any]:
    """The member's access (None before sign-in), what of the menu they see, whether this is a demo."""
    access: Access | None = getattr(request, "access", None)
    return {
        "access": access,
        "may_read_conversations": access is not None and access.may("conversations.read"),
        "may_read_cases": access is not None and access.may("cases.read"),
        "may_read_duty": access is not None and access.may("duty.read"),
        "may_manage_people": access is not None and access.may("people.manage"),
        "may_read_places": access is not None and access.may("places.read"),
        "may_read_trail": access is not None and access.may("audit.read"),
        "may_manage_templates": access is not None and access.may("templates.manage"),
        "may_broadcast": access is not None and access.may("broadcasts.send"),
        "may_manage_channels": access is not None and access.may("channels.manage"),
        "may_read_channels": access is not None and access.may("channels.read"),
        "may_manage_journal": access is not None and access.may_everywhere("journal.manage"),
        "tour": _tour(access),
        "is_demo": settings.IS_DEMO,
        # Called by pages only: fragments show no brand.
        "authority_name": _authority_name,
    }


def _tour(access: Access | None) -> str:
    """For whom the tour of this page is told: who answers, directs, reads, or has other work. Empty: none."""
    if access is None or access.member.toured_at is not None:
        return ""
    if access.may("conversations.reply"):
        return "answers"
    if any(role.kind == Role.Kind.EXECUTIVE for role in access.roles):
        return "directs"
    return "reads" if access.may("cases.read") else "other"


def _authority_name() -> str:
    try:
        return organisation.desk().name
    except DatabaseError:
        # The page that says so must not fail for the same reason.
        return ""
