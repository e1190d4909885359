"""How allauth signs our members in."""

from typing import ClassVar

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.auth_backends import AuthenticationBackend
from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from bayan.core.queries import Prepared
from bayan.people.models import Member
from bayan.people.sessions import member_just_read

_BY_KEY = Prepared(lambda key: Member.objects.filter(pk=key), int)


class Backend(AuthenticationBackend):  # type: ignore[misc]  # allauth ships no types
    """allauth's own; every request asks it for the member of its session."""

    def get_user(self, user_id: int) -> Member | None:
        found = member_just_read(user_id) or next(iter(_BY_KEY.rows(user_id)), None)
        return found if found and self.user_can_authenticate(found) else None


class StaffAccounts(DefaultAccountAdapter):  # type: ignore[misc]  # allauth ships no types
    """Members are made by the administrator: nobody signs up by themselves."""

    # allauth's own sentences speak of mistakes; ours say what to do.
    error_messages: ClassVar[dict[str, str | Promise]] = DefaultAccountAdapter.error_messages | {
        "email_password_mismatch": _("The e-mail address or the password is wrong. Check both."),
        "too_many_login_attempts": _("Too many attempts. Wait a few minutes and try again."),
        "account_inactive": _("This account is switched off. Ask the administrator."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False
