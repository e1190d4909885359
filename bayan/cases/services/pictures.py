"""Copies of a picture: who sends the same one reports the same matter, unless everybody sends it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import F, Func, IntegerField, Q, QuerySet

from bayan.cases.models import Alike, Case, Picture, Reading
from bayan.cases.services import shedding
from bayan.cases.services.matters import is_only_one, join_at_once
from bayan.cases.surge.models import Surge
from bayan.channels.models import Media
from bayan.core import live
from bayan.inbox.models import Message
from bayan.triage.images import NEAR, SAME, bands_near, bands_of
from bayan.triage.matters import OPEN_FOR
from bayan.triage.places import AMBIGUOUS

# So many at a time, between two looks at the journal: people's messages come first.
BATCH = 50
# So many that share a band are read, and of those that are copies so many looked at: enough to know what a
# picture is that thousands send.
READ, LOOKED_AT = 2_000, 200
# So many matters of one picture do not all show the same: it is a greeting, a logo or a joke.
MANY_MATTERS = 5
ASKED = 3
BANDS = ("band_1", "band_2", "band_3", "band_4")
# How likely the same picture is the same matter: as such, where the words differ, and where it circulates.
SURE, PERHAPS, UNLIKELY = 0.99, 0.7, 0.5
# Two points so far apart (in degrees, some two kilometres) are two places.
FAR = 0.02


class _BitCount(Func):
    """How many of 64 bits are set."""

    template = "bit_count((%(expressions)s)::bit(64))"
    output_field = IntegerField()


def expect_pictures(messages: Iterable[Message]) -> None:
    """Remember the pictures that come with these messages; `look_at_pictures` waits for their files."""
    matters = {m.media: m.matter for m in messages if m.media and m.matter and _is_picture(m.media)}
    if not matters:
        return
    cases = dict(Case.objects.filter(reference__in=matters.values()).values_list("reference", "pk"))
    Picture.objects.bulk_create(
        Picture(media=media, case_id=cases[matter]) for media, matter in matters.items()
    )


def _is_picture(media: Media) -> bool:
    # What comes whole is sent as a document.
    return media.kind == "image" or (
        media.kind == "document" and media.mime_type.startswith("image/")
    )


def look_at_pictures(*, now: datetime) -> int:
    """Hold the next pictures that are here now against those of other cases; returns how many they were.

    Each is looked at once: `Picture.band_1` says so, whoever is killed in between.
    """
    if shedding.is_put_off(Surge.Step.LIKENESS) or not is_only_one():
        return 0
    waiting = Picture.objects.filter(band_1=None).exclude(media__state=Media.State.WAITING)
    pictures = list(waiting.select_related("media").order_by("media")[:BATCH])
    for picture in pictures:
        _look(picture, now=now)
    return len(pictures)


@transaction.atomic
def _look(picture: Picture, *, now: datetime) -> None:
    likeness = picture.media.likeness
    waiting = Picture.objects.filter(pk=picture.pk, band_1=None)
    if likeness is None:
        waiting.delete()
        return
    if not waiting.update(**dict(zip(BANDS, bands_of(likeness), strict=True))):
        return
    case = Case.objects.select_related("reading").get(pk=picture.case_id)
    copies = _copies(case, likeness)
    if case.is_closed or not copies:
        return
    circulates = _circulates(picture, [copy for copy, _apart in copies])
    reason = Alike.Reason.CIRCULATES if circulates else Alike.Reason.PICTURE
    settled = {_root(case), *_told_apart(case)}
    told: list[Case] = []
    joined: dict[int, int] = {}
    for copy, apart in copies:
        other, root = copy.case, _root(copy.case)
        if other.is_closed or root in settled:
            continue
        settled.add(root)
        told.append(other)
        sure = UNLIKELY if circulates else PERHAPS if _differ(case, other) else SURE
        _ask(case, root, likeness=sure - apart / 64, reason=reason)
        if sure == SURE and apart <= SAME and not joined:
            joined = _which_joins(case, other)
        if len(told) == ASKED:
            break
    join_at_once(joined, now=now)
    if told:
        live.announce((one.node_id, "case", one.public_id) for one in (case, *told))


def _root(case: Case) -> int:
    return case.parent_id or case.pk


def _copies(case: Case, likeness: int) -> list[tuple[Picture, int]]:
    """The pictures of other cases that look like this one, the likest first, with how many bits differ."""
    # Read by themselves: joined with their cases, the database would rather begin with those.
    keys = list(_sharing_a_band(likeness).values_list("pk", flat=True)[:READ])
    rows = (
        Picture.objects.filter(pk__in=keys, case__opened_at__gt=case.opened_at - OPEN_FOR)
        .exclude(case=case)
        .annotate(apart=_BitCount(F("media__likeness").bitxor(likeness)))
        .filter(apart__lte=NEAR)
        .select_related("case__reading")
        .order_by("apart", "case_id")[:LOOKED_AT]
    )
    return [(row, row.apart) for row in rows]


def _sharing_a_band(likeness: int) -> QuerySet[Picture]:
    """All pictures that look like this one, and some others."""
    shares_one = Q()
    for band, near in zip(BANDS, bands_near(likeness), strict=True):
        shares_one |= Q((f"{band}__in", near))
    return Picture.objects.filter(shares_one)


def _circulates(picture: Picture, copies: Sequence[Picture]) -> bool:
    """Whether a picture shows no matter of one place: many pass it on, or a member said that it does not."""
    if len({_root(copy.case) for copy in copies}) >= MANY_MATTERS:
        return True
    files = [picture.pk, *(copy.pk for copy in copies)]
    if Message.objects.filter(media__in=files, forwarded=Message.Forwarded.OFTEN).exists():
        return True
    cases = [copy.case_id for copy in copies]
    parted = Alike.objects.filter(Q(case__in=cases) | Q(other__in=cases), is_same=False)
    return parted.exclude(reason=Alike.Reason.WORDS).exists()


def _told_apart(case: Case) -> set[int]:
    """Of which cases a member has said that this one is about something else."""
    pairs = Alike.objects.filter(Q(case=case) | Q(other=case), is_same=False)
    return {key for pair in pairs.values_list("case_id", "other_id") for key in pair}


def _differ(case: Case, other: Case) -> bool:
    """Whether what people wrote beside the same picture speaks of two services or of two places."""
    if case.category and other.category and case.category != other.category:
        return True
    bodies = _body(case), _body(other)
    if all(bodies) and bodies[0] != bodies[1]:
        return True
    return _far_apart(case.latitude, other.latitude) or _far_apart(case.longitude, other.longitude)


def _far_apart(one: float | None, other: float | None) -> bool:
    return one is not None and other is not None and abs(one - other) > FAR


def _body(case: Case) -> str | None:
    """The municipality that its words name, where they name one."""
    reading: Reading | None = getattr(case, "reading", None)
    body = reading.said["body"] if reading else None
    return None if body == AMBIGUOUS else body


def _which_joins(case: Case, other: Case) -> dict[int, int]:
    """Which of two cases becomes part of the other's matter: the later one, if it is alone."""
    heads = set(Case.objects.filter(parent__in=[case, other]).values_list("parent_id", flat=True))
    first, second = sorted((case, other), key=lambda one: one.pk)
    for joining, into in ((second, first), (first, second)):
        if joining.parent_id is None and joining.pk not in heads:
            return {joining.pk: into.pk}
    return {}


def _ask(case: Case, root: int, *, likeness: float, reason: Alike.Reason) -> None:
    """Let a member decide; what its words said of the two before is said better by the picture."""
    pairs = Alike.objects.filter(Q(case=case, other=root) | Q(case=root, other=case))
    if pairs.exists():
        pairs.filter(is_same=None).update(likeness=likeness, reason=reason)
        return
    first, second = sorted((case.pk, root))
    Alike.objects.create(case_id=second, other_id=first, likeness=likeness, reason=reason)
