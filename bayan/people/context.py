"""What every staff page shows of the one who looks at it."""

from collections.abc import Hashable
from typing import Any

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import SimpleLazyObject
from django.utils.translation import get_language

from bayan.organisation import selectors as organisation
from bayan.people.menu import Menu, menu_of
from bayan.people.models import Role
from bayan.people.permissions import Access

# What templates of several apps ask for.
FLAGS = {
    "may_broadcast": "broadcasts.send",
    "may_manage_channels": "channels.manage",
    "may_manage_people": "people.manage",
    "may_read_channels": "channels.read",
    "may_read_trail": "audit.read",
}


def staff(request: HttpRequest) -> dict[str, Any]:
    """The member's access (None before sign-in), their navigation, whether this is a demo."""
    access: Access | None = getattr(request, "access", None)
    if access is None:
        return {
            "access": None,
            "has_brand": organisation.brand_sheet() != "",
            "is_demo": settings.IS_DEMO,
            "authority_name": _authority_name,
        }
    menu: Any = SimpleLazyObject(lambda: menu_of(access, request.path))
    return {
        "access": access,
        "has_brand": organisation.brand_sheet() != "",
        **{flag: access.may(permission) for flag, permission in FLAGS.items()},
        # For pages only: fragments show neither navigation nor brand.
        "menu": menu,
        "frame": lambda: _frame(access, menu, request.path),
        "tour": _tour(access),
        "is_demo": settings.IS_DEMO,
        "authority_name": _authority_name,
    }


def _frame(access: Access, menu: Menu, path: str) -> Hashable:
    """All that navigation and foot of a page show: as long as it is the same, they are."""
    role = access.main_role
    return (
        get_language(), menu.daily, menu.offices, access.member.name,
        role and (role.kind, role.node_id, role.node.name), path == reverse("people:me"),
    )  # fmt: skip


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
        names = organisation.authority_names()
    except DatabaseError:
        # The page that says so must not fail for the same reason.
        return ""
    return names.get(get_language() or "ar", names["ar"])
