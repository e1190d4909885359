"""Writing a letter: its words, to whom it goes, its files; and lists of addressees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import IO
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from bayan.channels import services as channels
from bayan.core import audit
from bayan.core.errors import DomainError
from bayan.core.rls import as_worker
from bayan.correspondence.models import Address, AddressList, Attachment, Letter
from bayan.correspondence.questions import Question, checked, questions_of
from bayan.correspondence.services.parts import NotOpen, NotSent, locked, locked_open, note
from bayan.organisation.models import Node
from bayan.people.models import Member

MOST_FILES = 10
LONGEST = 12_000


class WordsMissing(DomainError):
    pass


class NoAddressee(DomainError):
    pass


class TooManyFiles(DomainError):
    pass


class ListTaken(DomainError):
    pass


@dataclass(frozen=True, kw_only=True)
class To:
    """A line of the address (`models.Address`)."""

    kind: str
    node: Node | None = None
    role: str = ""
    member: Member | None = None
    list: AddressList | None = None
    is_copy: bool = False


@dataclass(frozen=True, kw_only=True)
class Words:
    """What a letter says, and to whom."""

    kind: str
    subject: str
    text: str
    to: Sequence[To]
    urgency: str = Letter.Urgency.USUAL
    grade: str = Letter.Grade.PUBLIC
    wants: str = Letter.Wants.ACKNOWLEDGE
    term_hours: int = 21
    # In place of the term a day.
    due_on: date | None = None
    # Of what is to be done, a picture or a file that shows it.
    wants_proof: bool = False
    signer_title: str = ""
    official_number: str = ""
    official_date: str = ""
    transaction_number: str = ""
    refers_to: Letter | None = None
    # The form that is to be filled in; then an answer is wanted.
    fields: Sequence[Question] = ()


@dataclass(frozen=True)
class File:
    """A file to go with a letter, still open; `declared` is the browser's opinion of its type."""

    stream: IO[bytes]
    name: str
    declared: str
    kind: str = field(default="document")


@transaction.atomic
def draft_letter(words: Words, *, node: Node, by: Member, now: datetime) -> Letter:
    """Begin a letter in the name of a body. Nobody gets it before it is signed.

    :raises WordsMissing: it has no subject or no text
    :raises NoAddressee: it goes to nobody
    :raises FormFaulty: its form has a field that cannot be asked
    """
    letter = Letter(node=node, author=by, created_at=now)
    _write(letter, words, now=now)
    note("letter.drafted", letter, by=by, now=now, letter_kind=letter.kind)
    return letter


@transaction.atomic
def change_letter(letter_id: UUID, words: Words, *, by: Member, now: datetime) -> Letter:
    """Write a draft anew.

    :raises NotOpen: it waits for a signature, or has left
    :raises WordsMissing, NoAddressee: as `draft_letter`
    """
    letter = locked_open(letter_id)
    _write(letter, words, now=now)
    note("letter.changed", letter, by=by, now=now)
    return letter


def _write(letter: Letter, words: Words, *, now: datetime) -> None:
    letter.subject = " ".join(words.subject.split())[:140]
    letter.text = words.text.strip()[:LONGEST]
    if not letter.subject or not letter.text:
        raise WordsMissing(_("Write the subject and the text."))
    if not any(not to.is_copy for to in words.to):
        raise NoAddressee(_("Choose to whom it goes."))
    letter.kind, letter.urgency, letter.grade = words.kind, words.urgency, words.grade
    letter.wants, letter.term_hours = words.wants, words.term_hours
    letter.signer_title = words.signer_title.strip()
    letter.official_number = words.official_number.strip()
    letter.official_date = words.official_date.strip()
    letter.transaction_number = words.transaction_number.strip()
    letter.refers_to = words.refers_to
    letter.fields = [one.as_kept for one in checked(words.fields)]
    if letter.fields:
        letter.wants = Letter.Wants.ANSWER
    letter.due_on = words.due_on
    letter.wants_proof = words.wants_proof and letter.wants == Letter.Wants.DO
    letter.changed_at = now
    letter.save()
    letter.addresses.all().delete()
    Address.objects.bulk_create(
        (
            Address(
                letter=letter, kind=to.kind, node=to.node, role=to.role, member=to.member,
                list=to.list, is_copy=to.is_copy,
            )
            for to in words.to
        ),
        ignore_conflicts=True,
    )  # fmt: skip


@transaction.atomic
def attach(
    letter_id: UUID, files: Sequence[File], *, by: Member, now: datetime
) -> list[Attachment]:
    """Put files to a draft.

    :raises NotOpen: as `change_letter`
    :raises TooManyFiles: ten are enough
    :raises FileNotAllowed, FileTooLarge, FileMissing: nothing of it is kept
    """
    letter = locked_open(letter_id)
    if letter.attachments.count() + len(files) > MOST_FILES:
        raise TooManyFiles(_("Attach %(most)d files at most.") % {"most": MOST_FILES})
    number = channels.number_of_files() if files else None
    if number is None:
        return []
    made = [
        Attachment(
            letter=letter,
            media=channels.keep_file(
                file.stream, kind=file.kind, name=file.name, declared=file.declared, number=number,
                node=letter.node, now=now,
            ),
        )
        for file in files
    ]  # fmt: skip
    Attachment.objects.bulk_create(made)
    note("letter.changed", letter, by=by, now=now, files=len(made))
    return made


@transaction.atomic
def detach(letter_id: UUID, media_id: UUID, *, by: Member, now: datetime) -> None:
    """Take a file from a draft.

    :raises NotOpen: as `change_letter`
    """
    letter = locked_open(letter_id)
    letter.attachments.filter(media__public_id=media_id).delete()
    note("letter.changed", letter, by=by, now=now)


@transaction.atomic
def delete_draft(letter_id: UUID, *, by: Member, now: datetime) -> None:
    """Throw a draft away.

    :raises NotOpen: it waits for a signature, or has left
    """
    letter = locked(letter_id)
    if letter.state not in {Letter.State.DRAFT, Letter.State.RETURNED, Letter.State.REFUSED}:
        raise NotOpen(_("Only a draft can be thrown away."))
    note("letter.deleted", letter, by=by, now=now)
    letter.delete()


@transaction.atomic
def correct(letter_id: UUID, *, by: Member, now: datetime) -> Letter:
    """Begin a correction of a letter that was sent: a new draft with its words, to the same people.

    :raises NotSent: it has not left, or was recalled
    """
    old = locked(letter_id)
    if old.state != Letter.State.SENT:
        raise NotSent(_("Only a letter that was sent can be corrected."))
    letter = _copied(old, by=by, now=now)
    letter.corrects = old
    letter.save(update_fields=["corrects"])
    note("letter.correction_begun", old, by=by, now=now)
    return letter


@transaction.atomic
def copy(letter_id: UUID, *, by: Member, now: datetime) -> Letter:
    """Begin a new draft with the words and the addresses of another letter."""
    return _copied(locked(letter_id), by=by, now=now)


def hand_over(member: Member, *, to: Member, by: Member, now: datetime) -> int:
    """Give the drafts of a leaving member to another; returns how many. What they sent stays theirs.

    Also what is secret, which whoever does this may not see. What they were to review, which is a task
    (`work.hand_over`), the other may read now.
    """
    with as_worker():
        for letter in Letter.objects.filter(
            state=Letter.State.REVIEWING, reviewers__contains=[member.pk]
        ).select_for_update():
            letter.reviewers = sorted({*letter.reviewers, to.pk})
            letter.save(update_fields=["reviewers"])
        rows = list(
            Letter.objects.filter(author=member, sent_at=None)
            .select_related("node")
            .order_by("pk")
            .select_for_update(of=("self",))
        )
        Letter.objects.filter(pk__in=[row.pk for row in rows]).update(author=to)
        actor = audit.Named(by.audit_key, by.audit_label)
        for row in rows:
            note("letter.handed_over", row, by=actor, now=now)
    return len(rows)


def _copied(old: Letter, *, by: Member, now: datetime) -> Letter:
    words = Words(
        kind=old.kind, subject=old.subject, text=old.text, urgency=old.urgency, grade=old.grade,
        wants=old.wants, term_hours=old.term_hours, wants_proof=old.wants_proof,
        signer_title=old.signer_title,
        fields=questions_of(old.fields),
        to=[
            To(
                kind=line.kind, node=line.node, role=line.role, member=line.member, list=line.list,
                is_copy=line.is_copy,
            )
            for line in old.addresses.select_related("node", "member", "list")
        ],
    )  # fmt: skip
    letter = draft_letter(words, node=old.node, by=by, now=now)
    Attachment.objects.bulk_create(
        Attachment(letter=letter, media=one.media)
        for one in old.attachments.select_related("media")
    )
    return letter


@transaction.atomic
def save_list(
    name: str, members: Sequence[Member], *, node: Node, list_id: UUID | None = None
) -> AddressList:
    """Keep a list of addressees under a name; with `list_id` the one that there is.

    :raises WordsMissing: it has no name
    :raises NoAddressee: nobody is on it
    :raises ListTaken: the body has another one of this name
    """
    name = " ".join(name.split())[:80]
    if not name:
        raise WordsMissing(_("Give the list a name."))
    if not members:
        raise NoAddressee(_("Choose who is on the list."))
    found = AddressList.objects.filter(public_id=list_id).first() if list_id else None
    same = AddressList.objects.filter(node=node, name=name)
    if (same.exclude(pk=found.pk) if found else same).exists():
        raise ListTaken(_("There is a list of this name already."))
    kept: AddressList = found or AddressList(node=node)
    kept.name = name
    kept.save()
    kept.members.set(members)
    return kept


@transaction.atomic
def delete_list(list_id: UUID) -> None:
    """Throw a list away. Letters that went to it keep their recipients.

    :raises NotOpen: a draft goes to it
    """
    found = AddressList.objects.get(public_id=list_id)
    waiting = Letter.objects.filter(addresses__list=found, sent_at=None)
    if waiting.exists():
        raise NotOpen(_("A letter that has not left goes to this list. Change its address first."))
    found.delete()
