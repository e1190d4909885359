"""`bayan corrections`: what members knew better than triage, as rows that `bayan train` learns from."""

from __future__ import annotations

import argparse
import json
import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any, TextIO

from django.db.models import OuterRef, Subquery
from django.utils import timezone

from bayan.cases.models import Correction
from bayan.cases.services.understanding import LABELS, LONGEST
from bayan.core import audit
from bayan.core.errors import DomainError
from bayan.inbox.models import Message
from bayan.triage.masking import masked
from bayan.triage.model import HEADS


class NoSuchFolder(DomainError):
    pass


def command(options: argparse.Namespace) -> None:
    """Write all corrections, one JSON line a case, to the file or to standard output."""
    with _target(options.out) as file:
        rows = list(corrected_cases())
        # Who takes people's words out of the house leaves a trace of it first.
        audit.record(
            audit.Entry(
                action="corrections.exported",
                subject_type="export",
                subject_key="corrections",
                by=audit.SYSTEM,
                at=timezone.now(),
                node_id=None,
                details={"count": len(rows), "into": "file" if options.out else "output"},
            )
        )
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    print(f"{len(rows):,} cases with corrections.", file=sys.stderr)


def corrected_cases() -> Iterator[dict[str, Any]]:
    """For each case that members corrected the words that opened it, masked, and the labels that they set.

    The form is that of `bayan/triage/sets/`; heads that nobody corrected are left out.
    """
    opening = Message.objects.filter(
        matter=OuterRef("case__reference"), direction=Message.Direction.IN
    ).order_by("id")
    rows = (
        Correction.objects.filter(field__in=LABELS)
        .order_by("case_id", "field")
        .values_list(
            "case__reference",
            "field",
            "right",
            "case__contact__name",
            "case__contact__channel_name",
            # Of a message that its writer took back nothing is learned.
            Subquery(opening.values("revoked_at")[:1]),
            Subquery(opening.values("text")[:1]),
        )
    )
    for reference, group in groupby(rows.iterator(), key=lambda row: row[0]):
        held = list(group)
        name, channel_name, revoked_at, text = held[0][3:]
        labels = {
            head: right
            for _reference, field, right, *_rest in held
            if right in HEADS[head := LABELS[field]]
        }
        if labels and text and not revoked_at:
            yield {"id": reference, "text": masked(text[:LONGEST], {name, channel_name}), **labels}


@contextmanager
def _target(name: str | None) -> Iterator[TextIO]:
    """Standard output, or a file that appears when it is whole and that nobody else may read."""
    if name is None:
        yield sys.stdout
        return
    path = Path(name)
    if not path.parent.is_dir():
        raise NoSuchFolder(f"There is no folder {path.parent}.")
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            yield file
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
