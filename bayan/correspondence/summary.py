"""The draft of a summary: what those who got a letter answered, a line for each body."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from django.utils.translation import gettext as _
from django.utils.translation import override

from bayan.core.rls import as_worker
from bayan.correspondence import services
from bayan.correspondence.models import Letter
from bayan.organisation.models import Node
from bayan.work.models import Item

LONGEST_LINE = 300


def draft(letter: Letter) -> str:
    """A first version, in Arabic as letters are: how many answered, and a line for each body.

    Whoever may send it has been checked: it counts everybody who got the letter.
    """
    with as_worker():
        rows = list(
            letter.recipients.filter(is_copy=False)
            .select_related("node", "item")
            .order_by("node__position", "node", "pk")
        )
    said: dict[Node, list[str]] = defaultdict(list)
    for row in rows:
        answers = said[row.node]
        if row.item is not None and row.item.state == Item.State.DONE:
            written = (" ".join(line.split()) for line in row.item.answer.splitlines())
            answers.append("، ".join(line for line in written if line))
    done = sum(row.item is not None and row.item.state == Item.State.DONE for row in rows)
    with override("ar"):
        lines = [
            _("Summary of the answers to %(letter)s") % {"letter": services.named(letter)},
            _("It went to %(total)s; %(done)s have answered, %(silent)s not yet.")
            % {"total": len(rows), "done": done, "silent": len(rows) - done},
            "",
        ]
        lines += [f"• {node.name}: {_line(answers)}" for node, answers in said.items() if answers]
        silent = [node.name for node, answers in said.items() if not answers]
        if silent:
            lines.append(_("Not yet: %(bodies)s") % {"bodies": "، ".join(silent)})
    return "\n".join(lines)[: services.LONGEST_DIGEST]


def _line(answers: Iterable[str]) -> str:
    words = list(dict.fromkeys(answer for answer in answers if answer))
    return services.cut("؛ ".join(words), LONGEST_LINE) if words else _("done, without words")
