"""A request for facts, an instruction or an assignment, in six fields; the long page is one press away."""

from __future__ import annotations

from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from bayan.core import notices
from bayan.core.errors import DomainError
from bayan.core.views import uuid_in
from bayan.correspondence import asking, services
from bayan.correspondence.asking import KINDS, About, AskForm
from bayan.correspondence.models import Letter
from bayan.correspondence.views.drafting import files_of, writing_body
from bayan.people.permissions import StaffRequest, requires


@require_http_methods(["GET", "POST"])
@requires("letters.write")
def ask(request: StaffRequest) -> HttpResponse:
    """Write it and send it at once, or keep it as a draft and go on on the long page."""
    given = request.POST if request.method == "POST" else request.GET
    kind = given.get("kind", "")
    kind = kind if kind in KINDS else Letter.Kind.FACTS
    node = writing_body(request)
    form = AskForm(
        request.POST or None, kind=kind, access=request.access, initial=_about(request).initial
    )
    may_sign = request.access.may("letters.sign", node)
    if request.method == "POST" and form.is_valid():
        now = timezone.now()
        try:
            letter = services.draft_letter(
                form.words(request.access), node=node, by=request.user, now=now
            )
            services.attach(letter.public_id, files_of(request), by=request.user, now=now)
        except DomainError as refused:
            form.add_error(None, str(refused))
        else:
            do = request.POST.get("do", "")
            if do == "more":
                return redirect("correspondence:edit", letter.public_id)
            # What is secret is signed with a code, on its page.
            if do == "send" and may_sign and not letter.is_secret:
                services.submit(letter.public_id, signer=request.user, by=request.user, now=now)
                notices.say(request, _("Signed. It is on its way to everybody."))
            else:
                notices.say(request, _("Kept. Nobody gets it before it is signed."))
            return redirect("correspondence:letter", letter.public_id)
    context = {
        "form": form,
        "node": node,
        "kind": kind,
        "kinds": [(value, Letter.Kind(value).label) for value in KINDS],
        "about": _about_query(request),
        "may_sign": may_sign,
        "may_give": request.access.may("work.give"),
        "most": services.MOST_FILES,
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if form.is_bound else HTTPStatus.OK
    return render(request, "correspondence/ask.html", context, status=status)


def _about(request: HttpRequest) -> About:
    """What the form is opened from: a case, or what a member passed on."""
    if reference := request.GET.get("case", ""):
        return asking.about_case(reference[:20])
    key = uuid_in(request.GET.get("forward", ""))
    return asking.about_forward(key) if key else About()


def _about_query(request: HttpRequest) -> str:
    kept = request.GET.copy()
    kept.pop("kind", None)
    return kept.urlencode()
