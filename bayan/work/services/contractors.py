"""Who works for the authority by contract: contractor, project, department."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from bayan.core import audit
from bayan.core.errors import DomainError
from bayan.core.phones import mobile_in
from bayan.organisation import selectors as organisation
from bayan.organisation.models import Node
from bayan.people.models import Member
from bayan.work.models import Contractor, Project


class PhoneUnusable(DomainError):
    pass


class ProjectKnown(DomainError):
    pass


@transaction.atomic
def add_project(
    *,
    contractor: str,
    project: str,
    department: Node,
    number: str = "",
    contact_name: str = "",
    phone: str = "",
    email: str = "",
    by: Member,
    now: datetime,
) -> Project:
    """Write down what a contractor does for a department; one who is new is written down too.

    :raises PhoneUnusable: this is no mobile number
    :raises ProjectKnown: it stands there already
    """
    mobile = _mobile(phone)
    name = " ".join(contractor.split())
    known, _is_new = Contractor.objects.get_or_create(name=name)
    known.contact_name = contact_name.strip() or known.contact_name
    known.phone, known.email = mobile or known.phone, email.strip() or known.email
    known.ended_at = None
    known.save()
    row, is_new = Project.objects.get_or_create(
        contractor=known,
        department=department,
        name=" ".join(project.split()),
        defaults={"number": number.strip()},
    )
    if not is_new and row.ended_at is None:
        raise ProjectKnown(_("This project stands in the table already."))
    row.ended_at = None
    row.save(update_fields=["ended_at"])
    _note("contractor.project_added", row, by=by, now=now)
    return row


def _mobile(phone: str) -> str:
    mobile = mobile_in(phone) if phone.strip() else ""
    if mobile is None:
        raise PhoneUnusable(
            _("This is no mobile number. Write it as 05… or with its country code.")
        )
    return mobile


@transaction.atomic
def change_contractor(
    public_id: UUID, *, contact_name: str, phone: str, email: str, by: Member, now: datetime
) -> Contractor:
    """Write down who takes a contractor's tasks, and by what they are reached.

    :raises PhoneUnusable: this is no mobile number
    """
    row = Contractor.objects.select_for_update().get(public_id=public_id)
    row.contact_name = " ".join(contact_name.split())[:120]
    row.phone, row.email = _mobile(phone), email.strip()
    row.save(update_fields=["contact_name", "phone", "email"])
    audit.record(
        audit.Entry(
            action="contractor.address_changed",
            subject_type="contractor",
            subject_key=str(row.public_id),
            by=by,
            at=now,
            node_id=organisation.desk().pk,
        )
    )
    return row


@transaction.atomic
def end_project(public_id: UUID, *, by: Member, now: datetime) -> Project:
    """Offer a project to nobody any more; what was given for it goes on."""
    row = Project.objects.select_related("contractor", "department").get(public_id=public_id)
    row.ended_at = now
    row.save(update_fields=["ended_at"])
    if not row.contractor.projects.filter(ended_at=None).exists():
        Contractor.objects.filter(pk=row.contractor_id).update(ended_at=now)
    _note("contractor.project_ended", row, by=by, now=now)
    return row


def _note(action: str, row: Project, *, by: Member, now: datetime) -> None:
    audit.record(
        audit.Entry(
            action=action,
            subject_type="project",
            subject_key=str(row.public_id),
            by=by,
            at=now,
            node_id=row.department_id,
        )
    )
