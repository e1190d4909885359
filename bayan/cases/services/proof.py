"""What a closing must rest on: a picture of the place, a reason why there is none, attempts on two days.

One rule for one case and for many: `check` refuses, `keep` writes down what it rests on.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bayan.cases.models import Attempt, Case, Closing
from bayan.cases.services.parts import CaseAlreadyClosed, NotKnown, entry, locked
from bayan.cases.whole import pack
from bayan.channels import services as channels
from bayan.channels.models import Media
from bayan.core import audit, live
from bayan.core.errors import DomainError
from bayan.core.references import grouped
from bayan.inbox.models import Message
from bayan.people.models import Member
from bayan.work.models import Item, Proof
from bayan.work.services import Picture, check_age

# Whoever did not answer is tried again on another day.
DAYS_TO_TRY = 2
# As many are named in a refusal.
NAMED = 3


class ProofMissing(DomainError):
    pass


class PlaceMissing(DomainError):
    pass


class ExcuseMissing(DomainError):
    pass


class NotTriedEnough(DomainError):
    pass


@dataclass(frozen=True)
class Basis:
    """What closings rest on besides pictures that are there: one excuse or reason for all of them."""

    excuse: str = ""
    # Closing.Why, where nothing could be done.
    why: str = ""
    words: str = ""
    # One of the pictures that are there; None: the latest.
    chosen: UUID | None = None


# A picture that is there, or nothing that would be wanted.
PLAIN = Basis()


@dataclass(frozen=True)
class Evidence:
    """A picture of how the place looks now, that a member or whoever did the work has sent."""

    media: Media
    at: datetime
    # Taken at a known place; else the case's own counts.
    has_place: bool


def wants_picture(case: Case, outcome: str) -> bool:
    """Whether a case closes with this outcome only with a picture, or with a reason why there is none."""
    return outcome == Case.Outcome.RESOLVED and case.category in pack.shown_by_picture()


def evidence_of(cases: Collection[Case]) -> dict[int, list[Evidence]]:
    """The pictures that show these cases as put right, by the case's key, the latest first.

    From tasks that were done, and from members in the conversation, since the case was opened last.
    """
    by_matter = {case.reference: case for case in cases}
    found: dict[int, list[Evidence]] = defaultdict(list)
    proofs = Proof.objects.filter(
        item__subject_type="case",
        item__subject_key__in=by_matter,
        item__state=Item.State.DONE,
        media__state=Media.State.STORED,
    ).select_related("media", "item")
    for proof in proofs:
        case = by_matter[proof.item.subject_key]
        found[case.pk].append(Evidence(proof.media, proof.at, proof.latitude is not None))
    sent = Message.objects.filter(
        matter__in=by_matter,
        direction=Message.Direction.OUT,
        media__mime_type__startswith="image/",
        media__state=Media.State.STORED,
    ).select_related("media")
    for message in sent:
        assert message.media is not None  # noqa: S101  # asked for above
        found[by_matter[message.matter].pk].append(Evidence(message.media, message.sent_at, False))
    return {
        case.pk: sorted(
            (one for one in found[case.pk] if one.at >= (case.reopened_at or case.opened_at)),
            key=lambda one: (one.at, one.media.pk),
            reverse=True,
        )
        for case in cases
    }


def check(
    cases: Sequence[Case], outcome: str, basis: Basis = PLAIN, *, uploaded: Media | None = None
) -> dict[int, Media]:
    """Refuse unless each of these cases may close so; three statements, however many there are.

    Returns the picture on which each closing rests, by the case's key; none where none is wanted or where an
    excuse stands in its place. `uploaded` is a picture that counts for all of them.

    :raises ProofMissing: put right without a picture, and no reason why there is none
    :raises PlaceMissing: a picture, but nobody knows of which place
    :raises ExcuseMissing: another reason wants its words, or the reason is unknown
    :raises NotTriedEnough: the person was not tried on two days
    """
    if basis.why and outcome == Case.Outcome.NOT_ACTIONABLE:
        _check_tried(cases, basis)
    wanting = [case for case in cases if wants_picture(case, outcome)]
    # Whoever adds a picture needs no excuse, whatever stands in the form.
    if basis.excuse and wanting and uploaded is None:
        if basis.excuse not in Closing.Excuse.values:
            raise ExcuseMissing(_("Choose why there is no picture."))
        if basis.excuse == Closing.Excuse.OTHER and not basis.words.strip():
            raise ExcuseMissing(_("Write why there is no picture; it is looked at afterwards."))
        return {}
    sifted = sift(wanting, outcome, chosen=basis.chosen, uploaded=uploaded)
    shown, without, nowhere = sifted.shown, sifted.without, sifted.nowhere
    if without:
        words = _(
            "What is put right is shown: add a picture of the place as it is now, or choose why there is "
            "none."
        )
        raise ProofMissing(f"{words} {named(without, len(cases))}".strip())
    if nowhere:
        words = _("Write where it is, so that the picture is of a place.")
        raise PlaceMissing(f"{words} {named(nowhere, len(cases))}".strip())
    return shown


@dataclass(frozen=True)
class Sifted:
    """The pictures on which closings would rest, by the case's key, and who lacks one, or its place."""

    shown: dict[int, Media]
    without: list[Case]
    nowhere: list[Case]


def sift(
    cases: Sequence[Case],
    outcome: str,
    *,
    chosen: UUID | None = None,
    uploaded: Media | None = None,
) -> Sifted:
    """Tell which of these cases may close with this outcome as they are; three statements for all."""
    wanting = [case for case in cases if wants_picture(case, outcome)]
    there = evidence_of(wanting) if wanting and uploaded is None else {}
    sifted = Sifted({}, [], [])
    for case in wanting:
        known = there.get(case.pk, [])
        if chosen:
            known = [one for one in known if one.media.public_id == chosen]
        if uploaded is None and not known:
            sifted.without.append(case)
            continue
        sifted.shown[case.pk] = uploaded or known[0].media
        if not (case.place or case.latitude is not None or (known and known[0].has_place)):
            sifted.nowhere.append(case)
    return sifted


def check_together(cases: Sequence[Case], outcome: str, basis: Basis = PLAIN) -> Media | None:
    """Refuse unless these cases of one matter may close so: a picture of one of them shows it for all.

    Returns that picture, the latest; None where none is wanted or where an excuse stands in its place.

    :raises ProofMissing, PlaceMissing, ExcuseMissing: as `check`
    """
    wanting = [case for case in cases if wants_picture(case, outcome)]
    if not wanting or basis.excuse:
        check(wanting, outcome, basis)
        return None
    there = [one for found in evidence_of(cases).values() for one in found]
    if not there:
        raise ProofMissing(
            _(
                "What is put right is shown: send a picture of the place as it is now into one of these "
                "conversations, or choose why there is none."
            )
        )
    latest = max(there, key=lambda one: (one.at, one.media.pk))
    if not (latest.has_place or any(case.place or case.latitude is not None for case in cases)):
        raise PlaceMissing(_("Write where it is, so that the picture is of a place."))
    return latest.media


def named(cases: Sequence[Case], of: int) -> str:
    """Of many the first ones that are meant; one alone is known to whoever reads it."""
    if of == 1:
        return ""
    numbers = _(", ").join(grouped(case.reference) for case in cases[:NAMED])
    return ngettext("%(count)s case: %(numbers)s", "%(count)s cases: %(numbers)s", len(cases)) % {
        "count": len(cases),
        "numbers": numbers,
    }


def _check_tried(cases: Sequence[Case], basis: Basis) -> None:
    if basis.why not in Closing.Why.values:
        raise NotKnown(_("This value is not known. Choose one from the list."))
    tried: dict[int, list[datetime]] = defaultdict(list)
    for case_id, at in Attempt.objects.filter(case__in=cases).values_list("case_id", "at"):
        tried[case_id].append(at)
    for case in cases:
        since = case.reopened_at or case.opened_at
        days = {timezone.localdate(at) for at in tried[case.pk] if at >= since}
        if len(days) < DAYS_TO_TRY:
            words = _(
                "One unanswered call closes no case: note attempts to reach the person on two days."
            )
            raise NotTriedEnough(f"{words} {named([case], len(cases))}".strip())


def keep(
    cases: Sequence[Case],
    basis: Basis,
    shown: Mapping[int, Media],
    *,
    outcome: str,
    by: Member,
    now: datetime,
) -> None:
    """Write down what these closings rest on, with one statement."""
    rows = []
    for case in cases:
        excuse = basis.excuse if wants_picture(case, outcome) and case.pk not in shown else ""
        why = basis.why if outcome == Case.Outcome.NOT_ACTIONABLE else ""
        rows.append(
            Closing(
                case=case,
                proof=shown.get(case.pk),
                excuse=excuse,
                why=why,
                words=basis.words.strip()[:300] if excuse or why else "",
                at=now,
                by=by,
            )
        )
    Closing.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["case"],
        update_fields=["proof", "excuse", "why", "words", "at", "by"],
    )


def keep_picture(picture: Picture, case: Case, *, now: datetime) -> Media:
    """Keep a picture that a member adds while closing, as a file of the case's body.

    Where nobody knows the place yet, what its camera says of that is the case's from now on (not saved here).

    :raises PictureTooOld: it was taken before the case was opened last
    :raises FileNotAllowed, FileTooLarge, FileMissing: nothing of it is kept
    """
    taken = channels.taken_of(picture.stream, now=now)
    check_age(taken.at, since=case.reopened_at or case.opened_at)
    if taken.point and case.latitude is None and not case.place:
        case.latitude, case.longitude = taken.point
    return channels.keep_file(
        picture.stream,
        kind="image",
        name=picture.name,
        declared=picture.declared,
        number=case.conversation.number,
        node=case.node,
        now=now,
    )


@transaction.atomic
def note_attempt(case_id: UUID, *, way: str, note: str = "", by: Member, now: datetime) -> Attempt:
    """Note that a member tried to reach the person of an open case, in vain.

    :raises CaseAlreadyClosed: nobody needs to be reached any more
    :raises NotKnown: there is no such way
    """
    case = locked(case_id)
    if case.is_closed:
        raise CaseAlreadyClosed(_("This case is already closed."))
    if way not in Attempt.Way.values:
        raise NotKnown(_("This value is not known. Choose one from the list."))
    made: Attempt = Attempt.objects.create(
        case=case, way=way, note=" ".join(note.split())[:200], at=now, by=by
    )
    audit.record(entry("case.reach_tried", case, by=by, now=now, way=way))
    live.announce([(case.node_id, "case", case.public_id)])
    return made
