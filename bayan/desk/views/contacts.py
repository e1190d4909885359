"""The public, as staff know them: who they are, what they wish, and which of them are one person."""

from __future__ import annotations

from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from bayan.cases import services as cases
from bayan.core import notices
from bayan.core.paging import Cursor
from bayan.core.views import refusal
from bayan.desk import selectors
from bayan.desk.forms import NameForm, NoteForm, SplitForm, WishForm
from bayan.inbox.models import Conversation
from bayan.organisation import selectors as organisation
from bayan.people import services as people
from bayan.people.models import Contact
from bayan.people.permissions import StaffRequest, requires


@require_GET
@requires("conversations.read")
def contacts(request: StaffRequest) -> HttpResponse:
    """The list of contacts; a name, however spelled, or a part of a phone finds them."""
    words, after = _words(request), request.GET.get("after")
    page, is_near = selectors.contacts(words, after=Cursor.read(after) if after else None)
    context = {"page": page, "words": words, "is_near": is_near, "nodes": organisation.nodes()}
    part = ("#rows" if after else "#list") if request.htmx else ""
    return render(request, f"desk/contacts.html{part}", context)


@require_GET
@requires("conversations.read")
def contact(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """One contact with all that the reader may see of them."""
    found = get_object_or_404(Contact, public_id=public_id)
    context = {
        "portrait": selectors.portrait_of(found),
        "contact": found,
        "may_manage": _may_manage(request, found),
        "decides_period": request.access.may("retention.decide"),
    }
    return render(request, "desk/contact.html", context)


@require_POST
@requires("contacts.manage")
def rename(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Call the contact otherwise than the channel does."""
    found = _managed(request, public_id)
    form = NameForm(request.POST)
    if form.is_valid():
        people.rename_contact(found, form.cleaned_data["name"], by=request.user, now=timezone.now())
    return _back(found)


@require_POST
@requires("contacts.manage")
def wish(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Keep what the person told us about messages that go to many."""
    found = _managed(request, public_id)
    form = WishForm(request.POST)
    if form.is_valid():
        wants = form.cleaned_data["wants"] == "yes"
        people.hear_wish(found, wants=wants, by=request.user, now=timezone.now())
    return _back(found)


@require_POST
@requires("contacts.manage")
def write_note(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Write something down of the person."""
    found = _managed(request, public_id)
    form = NoteForm(request.POST)
    form.is_valid()
    text = form.cleaned_data.get("text", "")
    people.write_contact_note(found, text, by=request.user, now=timezone.now())
    return _back(found, "#notes")


@require_POST
@requires("contacts.manage")
def delete_note(request: StaffRequest, public_id: UUID, note_id: UUID) -> HttpResponse:
    """Take one's own note away again."""
    found = _managed(request, public_id)
    note = get_object_or_404(found.notes.select_related("contact"), public_id=note_id)
    people.delete_contact_note(note, by=request.user, now=timezone.now())
    return _back(found, "#notes")


@require_POST
@requires("contacts.manage")
def split(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Take identities out of a contact: they are another person's."""
    found = _managed(request, public_id)
    form = SplitForm(request.POST, choices=list(found.identities.values_list("pk", flat=True)))
    if not form.is_valid():
        return refusal(request, _("These identities have changed. Reload the page."), status=422)
    _own, step = cases.split_contact(
        found, form.cleaned_data["identities"], by=request.user, now=timezone.now()
    )
    notices.say(
        request, _("It belongs to a contact of its own now, the first one of the list."), undo=step
    )
    return _back(found, "#identities")


@require_GET
@requires("contacts.manage")
def choose(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Look for the contact who is the same person."""
    found = _managed(request, public_id)
    words = _words(request)
    context: dict[str, object] = {"contact": found, "words": words}
    if words:
        page, is_near = selectors.contacts(words, after=None, but=found)
        context |= {"page": page, "is_near": is_near}
    part = "#found" if request.htmx else ""
    return render(request, f"desk/choose.html{part}", context)


@require_http_methods(["GET", "POST"])
@requires("contacts.manage")
def merge(request: StaffRequest, public_id: UUID, other_id: UUID) -> HttpResponse:
    """Show what becomes one, and then make it so."""
    into, other = _managed(request, public_id), _managed(request, other_id)
    if request.method == "GET":
        context = {
            "contact": into,
            "portraits": [selectors.portrait_of(into), selectors.portrait_of(other)],
            "other": other,
        }
        return render(request, "desk/merge.html", context)
    done = cases.merge_contacts(other, into=into, by=request.user, now=timezone.now())
    notices.say(request, _("Two contacts have become one."), undo=done.undo)
    return _back(into)


def _managed(request: StaffRequest, public_id: UUID) -> Contact:
    """The contact, if the member sees them and answers for a body that they write to."""
    found = get_object_or_404(Contact, public_id=public_id)
    if not _may_manage(request, found):
        raise PermissionDenied(_("You may read this contact, but not change it."))
    return found


def _may_manage(request: StaffRequest, found: Contact) -> bool:
    # Whoever has not written yet is for those who answer for the contact they were taken out of.
    theirs = [found.pk, found.split_from_id] if found.split_from_id else [found.pk]
    conversations = Conversation.objects.filter(contact__in=theirs).select_related("node")
    return any(request.access.may("contacts.manage", row.node) for row in conversations)


def _words(request: StaffRequest) -> str:
    return request.GET.get("q", "").strip()[:100]


def _back(found: Contact, to: str = "") -> HttpResponse:
    return redirect(reverse("contacts:contact", args=[found.public_id]) + to)
