"""Who may do what, where: roles, what they allow, and the check at a view's door."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate
from urllib.parse import quote, urlsplit

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect, resolve_url
from django.utils import timezone
from django.utils.translation import gettext as _
from django_htmx.http import HttpResponseClientRedirect

from bayan.core.queries import Prepared
from bayan.organisation.models import Node
from bayan.people import freshness
from bayan.people.models import Member, Role

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
# Everybody who works here may know who is on duty, and whom to call.
# What each is given to do is theirs to do.
STAFF = frozenset({"duty.read", "work.do"})
# Whoever works in a body may bring its news to the editors.
READ = STAFF | {"conversations.read", "cases.read", "needs.read", "places.read", "press.submit"}
# Whoever makes what is published needs things for it, and hands out those of their body.
MAKE = {"needs.ask", "needs.provide"}
ANSWER = (
    READ
    | MAKE
    | {
        "conversations.reply",
        "cases.close",
        "cases.assign",
        "contacts.manage",
        "inbox.manage",
        "work.give",
    }
)
DIRECT = frozenset(
    {
        "audit.read",
        "broadcasts.send",
        "channels.read",
        "deadlines.read",
        "directives.read",
        "duty.manage",
        "figures.compare",
        "letters.sign",
        "letters.write",
        "mandates.manage",
        "meetings.write",
        "needs.decide",
        "needs.manage",
        "people.manage",
        "quality.manage",
        "retention.decide",
        "routing.manage",
        "surge.manage",
        "templates.manage",
    }
)
# The editors' desk: stories, journalists, and sending to them.
EDIT = frozenset({"press.edit", "press.contacts", "press.send"})
# As little as each of them needs today; the parts of the platform to come add what is theirs.
ALLOWED: dict[str, frozenset[str]] = {
    Role.Kind.ADMINISTRATOR: ANSWER
    | DIRECT
    | EDIT
    | {
        "channels.manage",
        "deadlines.manage",
        "journal.manage",
        "press.approve",
        "retention.set",
    },
    Role.Kind.DIRECTOR: ANSWER | DIRECT | EDIT | {"press.approve"},
    # They look and direct; the answer to the public is given by those whose work it is.
    Role.Kind.EXECUTIVE: READ
    | {
        "audit.read",
        "figures.compare",
        "letters.sign",
        "letters.write",
        "meetings.write",
        "press.approve",
    },
    Role.Kind.SPOKESPERSON: READ | {"press.edit", "press.approve"},
    # A municipality has no office of its mayor: its officer calls for both.
    Role.Kind.PRESS_OFFICER: READ | MAKE | EDIT | {"letters.write", "meetings.write"},
    Role.Kind.EDITOR: READ | MAKE | EDIT | {"letters.write"},
    Role.Kind.RESPONDER: ANSWER,
    Role.Kind.MONITOR: READ,
    Role.Kind.FIELD_OFFICER: READ,
    Role.Kind.LEGAL_REVIEWER: READ,
    # What people wrote is no material for courses and studies: they get it without names, elsewhere.
    Role.Kind.TRAINER: STAFF,
    Role.Kind.RESEARCHER: STAFF,
    Role.Kind.VIEWER: READ,
}


_HELD = Prepared(lambda member_id, now: Role.objects.held_by(member_id, now=now), int, datetime)


@dataclass(frozen=True)
class Access:
    """What one member may do now: their current roles, read once a request."""

    member: Member
    roles: tuple[Role, ...]

    @classmethod
    def of(cls, member: Member, *, now: datetime) -> Access:
        return cls(member, tuple(_HELD.rows(member.pk, now)))

    def may(self, permission: str, node: Node | None = None) -> bool:
        """True when a role allows it in this body (or, without one, in any)."""
        return any(
            permission in ALLOWED[role.kind] and (node is None or role.node_id in node.lineage)
            for role in self.roles
        )

    def rights_in(self, node: Node) -> frozenset[str]:
        """Everything that their roles allow in this body."""
        return frozenset[str]().union(
            *(ALLOWED[role.kind] for role in self.roles if role.node_id in node.lineage)
        )

    def may_give(self, kind: str, node: Node) -> bool:
        """True when they may give, or take, this role in this body: never one above their own rights."""
        return {"people.manage", *ALLOWED[kind]} <= self.rights_in(node)

    def bodies_of(self, permission: str) -> list[int]:
        """The ids of the bodies whose role allows this; it holds below them too."""
        return [role.node_id for role in self.roles if permission in ALLOWED[role.kind]]

    def may_everywhere(self, permission: str) -> bool:
        """True when a role allows it in the authority itself, and so in every body."""
        return any(permission in ALLOWED[role.kind] and role.node.is_desk for role in self.roles)

    def nodes_where(self, permission: str) -> QuerySet[Node]:
        """The bodies in which a role allows it: where they have such a role, and below.

        Row-level security shows what any role lets a member see; a list that one permission opens shows less
        to those who wear several hats.
        """
        return Node.objects.filter(lineage__overlap=self.bodies_of(permission))

    def require(self, permission: str, node: Node) -> None:
        """Refuse unless a role allows it in this body.

        :raises PermissionDenied: becomes a 403 with its text
        """
        if not self.may(permission, node):
            raise PermissionDenied(
                _("Your role in %(body)s does not allow this.") % {"body": node.name}
            )

    @property
    def is_municipal(self) -> bool:
        """True for who works in municipalities only: their tasks are their own, not the authority's."""
        return bool(self.roles) and all(
            role.node.kind == Node.Kind.MUNICIPALITY for role in self.roles
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


def check_scope(request: HttpRequest) -> None:
    """Refuse a token that may only read where something is changed, and one that may only write elsewhere.

    A page takes tokens too, as what the API leads to: whoever has the cookie of a form could otherwise
    change with it what the token may not.

    :raises PermissionDenied: the token lacks the scope
    """
    scopes: frozenset[str] | None = getattr(request, "api_scopes", None)
    scope = "read" if request.method in SAFE_METHODS else "write"
    if scopes is not None and scope not in scopes:
        raise PermissionDenied(_("This token lacks the scope '%(scope)s'.") % {"scope": scope})


def wants_factor(access: Access) -> bool:
    """Whether a role of theirs does not go without a second factor (BAYAN_SECOND_FACTOR)."""
    wanted = settings.SECOND_FACTOR_ROLES
    return bool(wanted) and any(role.kind in wanted for role in access.roles)


def confirm_first(request: HttpRequest) -> HttpResponseBase:
    """Lead to the page that asks for a code, and back to where the member is."""
    htmx = getattr(request, "htmx", None)
    if htmx:
        back = htmx.current_url_abs_path or "/"
    elif request.method in SAFE_METHODS:
        back = request.get_full_path()
    else:
        # What was sent is sent again by whoever meant it.
        parts = urlsplit(request.headers.get("Referer", ""))
        back = parts.path if parts.netloc == request.get_host() else "/"
    address = f"{resolve_url('people:confirm_factor')}?next={quote(back)}"
    return HttpResponseClientRedirect(address) if htmx else redirect(address)


def requires_fresh_factor[**P](
    view: Callable[Concatenate[StaffRequest, P], HttpResponseBase],
) -> Callable[Concatenate[StaffRequest, P], HttpResponseBase]:
    """Let only whoever gave a code of their second factor within ten minutes do something grave.

    Others are asked for one, and come back to the page where they were. It stands behind `requires`, which
    says who may at all. Whoever has no second factor sets one up first.
    """

    @wraps(view)
    def checked(request: StaffRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if getattr(request, "api_scopes", None) is not None:
            raise PermissionDenied(_("This needs a code of a second factor: do it on the page."))
        if not freshness.is_fresh(request.session, now=timezone.now()):
            return confirm_first(request)
        return view(request, *args, **kwargs)

    return checked


def for_members[**P](
    view: Callable[Concatenate[StaffRequest, P], HttpResponseBase],
) -> Callable[Concatenate[StaffRequest, P], HttpResponseBase]:
    """Let every member through, whatever their roles: the page shows what is their own."""

    @wraps(view)
    def checked(request: StaffRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return sign_in_first(request)
        check_scope(request)
        return view(request, *args, **kwargs)

    return checked


def requires[**P](
    permission: str,
    *,
    everywhere: bool = False,
) -> Callable[
    [Callable[Concatenate[StaffRequest, P], HttpResponseBase]],
    Callable[Concatenate[StaffRequest, P], HttpResponseBase],
]:
    """Let only members through whose roles allow this somewhere; what belongs to a body is checked there.

    What belongs to no body, as it concerns the whole platform, wants a role that allows it `everywhere`.
    """

    def decorate(
        view: Callable[Concatenate[StaffRequest, P], HttpResponseBase],
    ) -> Callable[Concatenate[StaffRequest, P], HttpResponseBase]:
        @wraps(view)
        def checked(
            request: StaffRequest, /, *args: P.args, **kwargs: P.kwargs
        ) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return sign_in_first(request)
            access = request.access
            if not (access.may_everywhere if everywhere else access.may)(permission):
                raise PermissionDenied(_("Your role does not include this page."))
            check_scope(request)
            return view(request, *args, **kwargs)

        # The test of all doors reads them (config/tests/test_permission_matrix.py).
        checked.required_permission = permission  # type: ignore[attr-defined]
        checked.is_required_everywhere = everywhere  # type: ignore[attr-defined]
        return checked

    return decorate
