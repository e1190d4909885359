"""Who may do what, where: roles, what they allow, and the check at a view's door."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate
from urllib.parse import quote

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import resolve_url
from django.utils.translation import gettext as _
from django_htmx.http import HttpResponseClientRedirect

from bayan.organisation.models import Node
from bayan.people.models import Member, Role

READ = frozenset({"conversations.read", "cases.read", "places.read"})
ANSWER = READ | {"conversations.reply", "cases.close", "cases.assign"}
DIRECT = frozenset({"audit.read", "broadcasts.send", "channels.read", "templates.manage"})
ALLOWED: dict[str, frozenset[str]] = {
    Role.Kind.VIEWER: READ,
    Role.Kind.RESPONDER: ANSWER,
    Role.Kind.DIRECTOR: ANSWER | DIRECT,
    Role.Kind.ADMINISTRATOR: ANSWER | DIRECT | {"channels.manage", "journal.manage"},
}


@dataclass(frozen=True)
class Access:
    """What one member may do now: their current roles, read once a request."""

    member: Member
    roles: tuple[Role, ...]

    @classmethod
    def of(cls, member: Member, *, now: datetime) -> Access:
        return cls(member, tuple(member.roles.current(now=now).select_related("node")))

    def may(self, permission: str, node: Node | None = None) -> bool:
        """True when a role allows it in this body (or, without one, in any)."""
        return any(
            permission in ALLOWED[role.kind] and (node is None or role.node_id in node.lineage)
            for role in self.roles
        )

    def require(self, permission: str, node: Node) -> None:
        """Refuse unless a role allows it in this body.

        :raises PermissionDenied: becomes a 403 with its text
        """
        if not self.may(permission, node):
            raise PermissionDenied(
                _("Your role in %(body)s does not allow this.") % {"body": node.name}
            )

    @property
    def main_role(self) -> Role | None:
        """The role to show beside the name: the one highest in the tree."""
        return min(self.roles, key=lambda role: len(role.node.lineage), default=None)


if TYPE_CHECKING:

    class StaffRequest(HttpRequest):
        """A request of a signed-in member, as the people middleware hands it on."""

        user: Member
        access: Access
        htmx: Any

else:
    StaffRequest = HttpRequest


def sign_in_first(request: HttpRequest) -> HttpResponseBase:
    """Lead to the sign-in page and back here; a fragment's request moves the whole page there."""
    htmx = getattr(request, "htmx", None)
    if htmx:
        back = htmx.current_url_abs_path or "/"
        return HttpResponseClientRedirect(f"{resolve_url('account_login')}?next={quote(back)}")
    return redirect_to_login(request.get_full_path())


def requires[**P](
    permission: str,
) -> Callable[
    [Callable[Concatenate[StaffRequest, P], HttpResponseBase]],
    Callable[Concatenate[StaffRequest, P], HttpResponseBase],
]:
    """Let only members through whose roles allow this somewhere; what belongs to a body is checked there."""

    def decorate(
        view: Callable[Concatenate[StaffRequest, P], HttpResponseBase],
    ) -> Callable[Concatenate[StaffRequest, P], HttpResponseBase]:
        @wraps(view)
        def checked(
            request: StaffRequest, /, *args: P.args, **kwargs: P.kwargs
        ) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return sign_in_first(request)
            if not request.access.may(permission):
                raise PermissionDenied(_("Your role does not include this page."))
            return view(request, *args, **kwargs)

        checked.required_permission = permission  # type: ignore[attr-defined]
        return checked

    return decorate
