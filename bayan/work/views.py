"""Work: what needs one now, one task with all that happened to it, giving, and links without account."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any
from urllib.parse import quote
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import (
    require_GET,
    require_http_methods,
    require_POST,
    require_safe,
)

from bayan.channels import services as channels
from bayan.core import notices
from bayan.core.errors import DomainError
from bayan.core.files import file_response
from bayan.core.rls import as_worker
from bayan.core.views import refusal, uuid_in
from bayan.organisation import selectors as organisation
from bayan.organisation import services as organisation_services
from bayan.organisation.models import Node, OutsideBody
from bayan.people import selectors as people
from bayan.people.models import Member
from bayan.people.permissions import StaffRequest, requires
from bayan.work import events, selectors, services
from bayan.work.forms import (
    TERMS,
    AddressForm,
    ContractorForm,
    GiveForm,
    PaperForm,
    SendAgainForm,
    VersionForm,
    within,
)
from bayan.work.models import Contractor, Item, Proof
from bayan.work.services import Picture, Task

VIEWS = ("mine", "given", "body", "ended")


@require_GET
@requires("work.do")
def items(request: StaffRequest) -> HttpResponse:
    """What needs the reader now, what their bodies gave, what is open in them, what ended last."""
    now = timezone.now()
    view = request.GET.get("view", "mine")
    view = view if view in VIEWS else "mine"
    words = request.GET.get("q", "").strip()[:100]
    rows = list(selectors.items(request.access, view, words=words, now=now)[: selectors.MOST + 1])
    context = {
        "rows": rows[: selectors.MOST],
        "has_more": len(rows) > selectors.MOST,
        "view": view,
        "words": words,
        "counts": selectors.counts(request.access, now=now),
        "may_give": request.access.may("work.give"),
        "is_linked": request.user.phone_linked_at is not None,
        "now": now,
    }
    return render(request, f"work/items.html{'#list' if request.htmx else ''}", context)


@require_GET
@requires("work.do")
def item(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """One task: what is to be done, and what may be done with it."""
    return _item_page(request, public_id)


def _item_page(
    request: StaffRequest, public_id: UUID, *, status: int = 200, **more: Any
) -> HttpResponse:
    now = timezone.now()
    found = get_object_or_404(selectors.shown(Item.objects.all()), public_id=public_id)
    access = request.access
    may_give = access.may("work.give", found.given_from)
    may_act = found.is_open and services.may_act(found, access, now=now)
    paper = services.paper_of(found) if found.kind == Item.Kind.APPROVE else None
    newer = selectors.newer_version(found) if paper else None
    context = {
        "item": found,
        "paper": paper,
        "newer": newer,
        "version_form": VersionForm(initial={"term": "7"})
        if paper and may_give and not newer and found.state != Item.State.DONE
        else None,
        "may_act": may_act,
        "may_give": may_give,
        "may_pass_on": found.is_open and not found.is_outside and (may_act or may_give),
        "colleagues": people.staff_of(found.node, now=now) if found.is_open else [],
        "silences": Item.Silence.choices,
        "again": SendAgainForm() if may_give and not found.is_open and not paper else None,
        "history": selectors.history_of(found),
        "told": selectors.told(found),
        "remarks": selectors.remarks_of(found),
        "outside": selectors.outside_of(found) if found.is_outside else None,
        "subject": events.describe(found.subject_type, [found.subject_key]).get(found.subject_key),
        "now": now,
    }
    part = "#content" if request.htmx and not more else ""
    return render(request, f"work/item.html{part}", context | more, status=status)


@require_POST
@requires("work.do")
def finish(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """End a task as its kind wants it; pictures are kept as proof."""
    found = get_object_or_404(Item, public_id=public_id)
    if found.on_page:
        raise services.NotPossible(_("This can be done on the page only, after reading it there."))
    services.require_version(found, request.POST.get("seen", ""))
    services.finish(
        public_id,
        by=request.access,
        now=timezone.now(),
        words=request.POST.get("words", "")[:3000],
        pictures=_pictures(request),
        place=_place(request),
        end=request.POST.get("end", Item.State.DONE),
    )
    notices.say(request, _("Noted. Whoever gave the task sees it."))
    return redirect("work:item", public_id)


def _pictures(request: HttpRequest) -> list[Picture]:
    return [
        Picture(upload.file, upload.name or "", upload.content_type or "")
        for upload in request.FILES.getlist("pictures")
        if upload.file is not None
    ]


@require_POST
@requires("work.do")
def explain(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Say why it takes longer."""
    get_object_or_404(Item, public_id=public_id)
    services.explain(
        public_id,
        request.POST.get("silence", ""),
        by=request.access,
        now=timezone.now(),
    )
    notices.say(request, _("Noted; whoever gave the task sees the reason."))
    return redirect("work:item", public_id)


@require_POST
@requires("work.do")
def delegate(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Let a colleague do it."""
    get_object_or_404(Item, public_id=public_id)
    key = uuid_in(request.POST.get("to", ""))
    to = Member.objects.filter(public_id=key).first() if key else None
    if to is None:
        return refusal(request, _("Choose whom to hand it over to."), status=422)
    services.delegate(public_id, to=to, by=request.access, now=timezone.now())
    notices.say(request, _("%(name)s has it now and is told.") % {"name": to.name})
    return redirect("work:item", public_id)


def _check_gave(request: StaffRequest, public_id: UUID) -> Item:
    """The task, unless the member may not give work in the body that gave it."""
    found = get_object_or_404(Item.objects.select_related("given_from"), public_id=public_id)
    request.access.require("work.give", found.given_from)
    return found


@require_POST
@requires("work.give")
def withdraw(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Take a task back."""
    _check_gave(request, public_id)
    services.withdraw(public_id, by=request.access, now=timezone.now())
    notices.say(request, _("The task is withdrawn."))
    return redirect("work:item", public_id)


@require_POST
@requires("work.give")
def send_again(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Give what was not done well back, with what is missing."""
    found = _check_gave(request, public_id)
    form = SendAgainForm(request.POST)
    if not form.is_valid():
        return _item_page(request, public_id, status=HTTPStatus.UNPROCESSABLE_ENTITY, again=form)
    services.send_again(
        public_id,
        reason=form.cleaned_data["reason"],
        due_at=within(form.cleaned_data["term"], of=found.node_id),
        by=request.access,
        now=timezone.now(),
    )
    notices.say(request, _("Given back with the new time."))
    return redirect("work:item", public_id)


@require_POST
@requires("work.give")
def make_link(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Make a link for somebody without an account; it is shown once."""
    _check_gave(request, public_id)
    address = services.make_link(public_id, by=request.access, now=timezone.now())
    found = Item.objects.select_related("contractor", "outside", "given_from").get(
        public_id=public_id
    )
    words = _("%(body)s asks you: %(title)s\n%(address)s") % {
        "body": found.given_from.name,
        "title": found.title,
        "address": address,
    }
    phone = found.holder_outside.phone if found.holder_outside else ""
    return _item_page(
        request,
        public_id,
        address=address,
        whatsapp=f"https://wa.me/{phone}?text={quote(words)}",
    )


@require_POST
@requires("work.give")
def send_anew(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Let Bayan write once more to whoever outside has it."""
    _check_gave(request, public_id)
    services.send_anew(public_id, by=request.access, now=timezone.now())
    notices.say(request, _("It is on its way; here you see how far it is."))
    return redirect("work:item", public_id)


@require_http_methods(["GET", "POST"])
@requires("work.give")
def give(request: StaffRequest) -> HttpResponse:
    """The form for a task that belongs to nothing else; see `panel` for those of a case."""
    node = _home(request)
    now = timezone.now()
    form = GiveForm(request.POST or None, node=node, now=now)
    if request.method == "POST" and form.is_valid():
        made = _give(request, form, node, ("", ""))
        notices.say(request, _given(made))
        return redirect("work:item", made.public_id)
    status = HTTPStatus.UNPROCESSABLE_ENTITY if form.is_bound else HTTPStatus.OK
    return render(request, "work/give.html", {"form": form, "node": node}, status=status)


@require_http_methods(["GET", "POST"])
@requires("work.give")
def ask_approval(request: StaffRequest) -> HttpResponse:
    """Ask for the approval of a text with a file."""
    node = _home(request)
    now = timezone.now()
    form = PaperForm(request.POST or None, request.FILES or None, node=node, now=now)
    if request.method == "POST" and form.is_valid():
        given, holder = form.cleaned_data, form.holder
        body = holder.node or node
        made = services.ask_approval(
            Task(
                kind=Item.Kind.APPROVE, title=given["title"], text=given["text"], node=body,
                given_from=node, owner=holder.owner, due_at=form.due_at(now=now, of=body.pk),
            ),
            _file(form),
            by=request.access,
            now=now,
        )  # fmt: skip
        notices.say(request, _("Asked; they are told, and approve exactly this file."))
        return redirect("work:item", made.public_id)
    status = HTTPStatus.UNPROCESSABLE_ENTITY if form.is_bound else HTTPStatus.OK
    return render(request, "work/approval.html", {"form": form, "node": node}, status=status)


def _file(form: PaperForm | VersionForm) -> Picture:
    upload = form.cleaned_data["file"]
    return Picture(upload.file, upload.name or "", upload.content_type or "")


@require_POST
@requires("work.give")
def send_version(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Send a new version of what is to be approved; the one before counts no longer."""
    _check_gave(request, public_id)
    form = VersionForm(request.POST, request.FILES)
    if not form.is_valid():
        return _item_page(
            request, public_id, status=HTTPStatus.UNPROCESSABLE_ENTITY, version_form=form
        )
    made = services.send_version(
        public_id, _file(form), text=form.cleaned_data["text"],
        within=TERMS[form.cleaned_data["term"]][0], by=request.access, now=timezone.now(),
    )  # fmt: skip
    notices.say(request, _("The new version is sent; the one before counts no longer."))
    return redirect("work:item", made.public_id)


@require_safe
@requires("work.do")
def paper(request: StaffRequest, public_id: UUID) -> HttpResponseBase:
    """The file that is to be approved, for whoever sees the task."""
    found = services.paper_of(get_object_or_404(Item, public_id=public_id))
    path = channels.media_path(found.media) if found else None
    if found is None or path is None or not path.is_file():
        raise Http404
    return file_response(
        request,
        path,
        mime_type=found.media.mime_type,
        name=found.media.name or f"{found.media.public_id}",
        etag=found.media.sha256,
        to_save="download" in request.GET,
    )


def _given(made: Item) -> str:
    """What is said of a task that was given a moment ago."""
    if not made.is_outside:
        return _("The task is given.")
    to = services.address_of(made)
    if to.phone or to.email:
        return _("The task is given. Bayan writes to them; the task's page shows how far that is.")
    return _("The task is given. No way to them is known: open it and hand them a link.")


def _home(request: StaffRequest) -> Node:
    role = request.access.main_role
    assert role is not None  # noqa: S101  # the door let only members with a role through
    return role.node


def _give(request: StaffRequest, form: GiveForm, node: Node, subject: tuple[str, str]) -> Item:
    request.access.require("work.give", node)
    now, holder, given = timezone.now(), form.holder, form.cleaned_data
    return services.give(
        Task(
            kind=given["kind"],
            title=given["title"],
            text=given["text"],
            node=holder.node or node,
            given_from=node,
            owner=holder.owner,
            contractor=holder.contractor,
            project=holder.project,
            outside=holder.outside,
            due_at=form.due_at(now=now, of=(holder.node or node).pk),
            wants_proof=given["wants_proof"],
            subject=subject,
        ),
        by=request.user,
        now=now,
    )


@require_http_methods(["GET", "POST"])
@requires("work.do")
def panel(request: StaffRequest, subject_type: str, subject_key: str) -> HttpResponse:
    """The tasks of one subject, as a part of its page; who may give work there gives one more."""
    subject = events.describe(subject_type, [subject_key]).get(subject_key)
    rows = selectors.items_of((subject_type, subject_key))
    node = Node.objects.get(pk=subject.node_id) if subject else None
    form = None
    status = HTTPStatus.OK
    if node is not None and request.access.may("work.give", node):
        form = GiveForm(request.POST or None, node=node, now=timezone.now())
        if request.method == "POST":
            if form.is_valid():
                made = _give(request, form, node, (subject_type, subject_key))
                notices.say(request, _given(made))
                form = GiveForm(node=node, now=timezone.now())
                rows = selectors.items_of((subject_type, subject_key))
            else:
                status = HTTPStatus.UNPROCESSABLE_ENTITY
    elif request.method == "POST":
        raise Http404
    context = {
        "rows": rows,
        "form": form,
        "subject_type": subject_type,
        "subject_key": subject_key,
        "clocks": selectors.clocks_of((subject_type, subject_key)) if subject else [],
        "now": timezone.now(),
    }
    return render(request, "work/panel.html", context, status=status)


@require_safe
@requires("work.do")
def picture(request: StaffRequest, public_id: UUID, proof_id: int) -> HttpResponseBase:
    """What shows that it was done, for whoever sees the task; it may have come by another body's chat."""
    proof = get_object_or_404(Proof, pk=proof_id, item__public_id=public_id)
    with as_worker():
        media = Proof.objects.select_related("media").get(pk=proof.pk).media
    path = channels.media_path(media)
    if not media.sha256 or not path.is_file():
        raise Http404
    return file_response(
        request,
        path,
        mime_type=media.mime_type,
        name=media.name or f"{media.public_id}",
        etag=media.sha256,
        to_save="download" in request.GET,
    )


@require_http_methods(["GET", "POST"])
@requires("work.give")
def contractors(request: StaffRequest) -> HttpResponse:
    """The table of contractors, their projects and departments."""
    form = ContractorForm(request.POST or None)
    if request.method == "POST":
        ended = request.POST.get("end")
        if ended:
            services.end_project(UUID(ended), by=request.user, now=timezone.now())
            notices.say(request, _("The project is ended."))
            return redirect("work:contractors")
        if form.is_valid():
            given = form.cleaned_data
            department = get_object_or_404(Node, key=given["department"])
            request.access.require("work.give", department)
            services.add_project(
                contractor=given["name"],
                project=given["project"],
                department=department,
                number=given["number"],
                contact_name=given["contact_name"],
                phone=given["phone"],
                email=given["email"],
                by=request.user,
                now=timezone.now(),
            )
            notices.say(request, _("The project is in the table."))
            return redirect("work:contractors")
    status = HTTPStatus.UNPROCESSABLE_ENTITY if form.is_bound else HTTPStatus.OK
    context = {
        "contractors": selectors.contractors(),
        "bodies": selectors.outside_bodies(),
        "may_change_bodies": request.access.may("work.give", organisation.desk()),
        "form": form,
    }
    return render(request, "work/contractors.html", context, status=status)


@require_http_methods(["GET", "POST"])
@requires("work.give")
def address(request: StaffRequest, of: str, key: str) -> HttpResponse:
    """Who takes the tasks of a contractor or a body outside, and by what they are reached."""
    holder = _holder(request, of, key)
    form = AddressForm(
        request.POST or None,
        initial={
            "contact_name": holder.contact_name, "phone": holder.phone, "email": holder.email,
        },
    )  # fmt: skip
    if request.method == "POST" and form.is_valid():
        given, now = form.cleaned_data, timezone.now()
        if isinstance(holder, Contractor):
            services.change_contractor(holder.public_id, **given, by=request.user, now=now)
        else:
            organisation_services.change_address(holder.key, **given, by=request.user, now=now)
        notices.say(request, _("Noted. What they are given from now on goes there."))
        return redirect("work:contractors")
    status = HTTPStatus.UNPROCESSABLE_ENTITY if form.is_bound else HTTPStatus.OK
    return render(request, "work/address.html", {"form": form, "holder": holder}, status=status)


def _holder(request: StaffRequest, of: str, key: str) -> Contractor | OutsideBody:
    """Whom the address is of; a contractor's belongs to whoever gives work where they have a project."""
    if of == "outside":
        request.access.require("work.give", organisation.desk())
        return get_object_or_404(OutsideBody, key=key)
    name = uuid_in(key)
    if of != "contractor" or name is None:
        raise Http404
    found = get_object_or_404(Contractor, public_id=name)
    bodies = [project.department for project in found.projects.select_related("department")]
    if not any(request.access.may("work.give", body) for body in bodies):
        request.access.require("work.give", organisation.desk())
    return found


@require_http_methods(["GET", "POST"])
def link(request: HttpRequest, secret: str) -> HttpResponse:
    """A task for somebody without an account: what is to be done, and saying that it is done."""
    now = timezone.now()
    problem = ""
    try:
        found = services.open_link(secret, now=now)
    except services.LinkIsOver as refused:
        return _private(
            render(request, "work/link.html", {"over": str(refused)}, status=HTTPStatus.GONE)
        )
    if request.method == "POST":
        try:
            found = _by_link(request, secret, found)
            return _private(redirect("work:link", secret))
        except DomainError as refused:
            problem = str(refused)
    context = {
        "item": found,
        "problem": problem,
        # Where it was not done, the reason belongs beside the other button.
        "is_refusing": request.POST.get("end", Item.State.DONE) != Item.State.DONE,
        "given": request.POST,
        "silences": Item.Silence.choices,
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if problem else HTTPStatus.OK
    return _private(render(request, "work/link.html", context, status=status))


def _by_link(request: HttpRequest, secret: str, found: Item) -> Item:
    now = timezone.now()
    if silence := request.POST.get("silence"):
        return services.explain_by_link(secret, silence, now=now)
    return services.finish_by_link(
        secret,
        name=request.POST.get("name", ""),
        words=request.POST.get("words", "")[:3000],
        pictures=_pictures(request),
        place=_place(request),
        end=request.POST.get("end", Item.State.DONE),
        now=now,
    )


def _place(request: HttpRequest) -> tuple[float, float] | None:
    try:
        latitude, longitude = (float(request.POST[key]) for key in ("latitude", "longitude"))
    except (KeyError, ValueError):
        return None
    is_on_earth = -90 <= latitude <= 90 and -180 <= longitude <= 180
    return (latitude, longitude) if is_on_earth else None


def _private(response: HttpResponse) -> HttpResponse:
    """Kept by no browser and found by no search engine: its address is a key."""
    response["Cache-Control"] = "no-store"
    response["X-Robots-Tag"] = "noindex, nofollow"
    # A form of ours says where it comes from; nobody else learns the address.
    response["Referrer-Policy"] = "same-origin"
    return response
