"""«حوّلها لبيان»: from what a member passed on to a request for facts, ready to be looked at and signed."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import override

from bayan.cases.models import Forward
from bayan.core.rls import as_worker
from bayan.correspondence.models import Address, Letter
from bayan.correspondence.services.drafting import To, Words, draft_letter
from bayan.organisation.models import Node
from bayan.people.models import Member
from bayan.people.permissions import Access

# Two working hours: what circulates does not wait.
TERM = 2
LONGEST = 3_000
# Letters are written in Arabic, whatever language their writer reads the pages in.
FORM = (
    "السلام عليكم ورحمة الله وبركاته، وبعد:\n"
    "يتداول الآن ما نصه:\n«%(text)s»\n"
    "نأمل الإفادة بالوقائع خلال ساعتين.\n"
    "والسلام عليكم ورحمة الله وبركاته"
)


def ask_facts(forward: Forward, by: Member, now: datetime) -> str:
    """Draft a request for facts about what this member passed on; returns what they are told.

    It goes to the municipality where triage found it to be, else to the member's own body; the draft says
    so, and whoever signs may change it.
    """
    access = Access.of(by, now=now)
    bodies = Node.objects.filter(pk__in=access.bodies_of("letters.write"))
    own = min(bodies, key=lambda node: len(node.lineage), default=None)
    if own is None:
        return _(
            "Requests for facts are written by the media department. It was kept for information."
        )
    key = str(forward.said.get("municipality") or "")
    asked = Node.objects.filter(key=key).first() or forward.node
    with override("ar"):
        words = Words(
            kind=Letter.Kind.FACTS,
            subject=_("Facts about what circulates"),
            text=FORM % {"text": forward.text.strip()[:LONGEST] or "—"},
            urgency=Letter.Urgency.URGENT,
            wants=Letter.Wants.ANSWER,
            term_hours=TERM,
            to=[To(kind=Address.Kind.BODY, node=asked)],
        )
    with as_worker():
        letter = draft_letter(words, node=own, by=by, now=now)
    return _("The request for facts to %(body)s is ready. Look at it and sign it:\n%(page)s") % {
        "body": asked.name,
        "page": f"{settings.PUBLIC_URL}{reverse('correspondence:letter', args=[letter.public_id])}",
    }
