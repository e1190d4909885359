"""Summing up what was answered to a letter, for those who got it."""

from __future__ import annotations

from http import HTTPStatus
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from bayan.core import notices
from bayan.core.errors import DomainError
from bayan.core.views import uuid_in
from bayan.correspondence import selectors, services, summary
from bayan.correspondence.models import Letter
from bayan.people.permissions import StaffRequest, requires


@require_http_methods(["GET", "POST"])
@requires("letters.write")
def digest(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """A drafted summary to edit; it leaves with the press of whoever wrote the letter."""
    now = timezone.now()
    letter: Letter = get_object_or_404(
        Letter.objects.sent().select_related("node", "author"), public_id=public_id
    )
    request.access.require("letters.write", letter.node)
    if not selectors.may_see_all(letter, request.access):
        raise PermissionDenied(_("Who else got it is shown to whoever sent it."))
    refused = ""
    if request.method == "POST":
        chosen = None
        if request.POST.get("who") == "some":
            keys = (uuid_in(key) for key in request.POST.getlist("to"))
            chosen = [key for key in keys if key]
        try:
            services.send_digest(
                public_id, request.POST.get("text", ""), to=chosen, by=request.user, now=now
            )
        except DomainError as error:
            refused = str(error)
        else:
            notices.say(request, _("The summary is on its way."))
            return redirect("correspondence:letter", public_id)
    context = {
        "letter": letter,
        "text": request.POST.get("text") or summary.draft(letter),
        "rows": selectors.matrix(letter, request.access, now=now).rows,
        "who": request.POST.get("who", "all"),
        "chosen": request.POST.getlist("to"),
        "refused": refused,
        "longest": services.LONGEST_DIGEST,
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if refused else HTTPStatus.OK
    return render(request, "correspondence/digest.html", context, status=status)
