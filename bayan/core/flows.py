"""One form at the provider for many of ours: what it holds, what a message tells it, what comes back.

Each row of it has a place for every kind of field; a message says which of them is shown, and what it is
called. So a form of ours needs no look by the provider before it leaves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

NOTHING = "—"
# In the provider's language a choice is a list of its own.
CHOICE = "choice"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row as a message shows it."""

    kind: str
    label: str
    is_required: bool = True
    # Key and words of each.
    choices: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, kw_only=True)
class Rows:
    """The rows of a form at the provider: how many, and the component of each kind."""

    most: int
    components: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def data(self, shown: Mapping[int, Row]) -> dict[str, Any]:
        """What a message says of each row, by its place from 1."""
        data: dict[str, Any] = {}
        for place in range(1, self.most + 1):
            row = shown.get(place)
            data |= {f"{kind}_{place}": bool(row and row.kind == kind) for kind in self.components}
            choices = row.choices if row and row.choices else [("0", NOTHING)]
            data |= {
                f"label_{place}": row.label if row else NOTHING,
                f"required_{place}": bool(row and row.is_required),
                f"choices_{place}": [{"id": key, "title": words} for key, words in choices],
            }
        return data

    def given(self, answers: Mapping[str, Any]) -> dict[int, Any]:
        """What came back, by the row's place."""
        return {
            place: value
            for place in range(1, self.most + 1)
            for kind in self.components
            if (value := answers.get(f"{kind}_{place}_answer")) not in (None, "")
        }

    def flow_json(
        self,
        screen: str,
        title: str,
        *,
        data: Mapping[str, Any],
        children: Sequence[Mapping[str, Any]],
    ) -> dict[str, Any]:
        """The form to be made at the provider, in its own language: the rows, `children`, and "send".

        `data`: what `children` are told beside the rows; its `version` comes back with the answers.
        """
        known = dict(data)
        rows: list[dict[str, Any]] = []
        for place in range(1, self.most + 1):
            known |= _told(place)
            for kind, component in self.components.items():
                known[f"{kind}_{place}"] = {"type": "boolean", "__example__": kind == "text"}
                source = {"data-source": f"${{data.choices_{place}}}"} if kind == CHOICE else {}
                rows.append(
                    dict(component)
                    | source
                    | {
                        "name": f"{kind}_{place}_answer",
                        "label": f"${{data.label_{place}}}",
                        "required": f"${{data.required_{place}}}",
                        "visible": f"${{data.{kind}_{place}}}",
                    }
                )
        whole = [*rows, *(dict(one) for one in children)]
        payload = {one["name"]: f"${{form.{one['name']}}}" for one in whole}
        payload["version"] = "${data.version}"
        whole.append(
            {
                "type": "Footer",
                "label": "إرسال",
                "on-click-action": {"name": "complete", "payload": payload},
            }
        )
        return {
            "version": "7.1",
            "screens": [
                {
                    "id": screen,
                    "title": title,
                    "terminal": True,
                    "data": known,
                    "layout": {"type": "SingleColumnLayout", "children": whole},
                }
            ],
        }


def _told(place: int) -> dict[str, Any]:
    return {
        f"label_{place}": {"type": "string", "__example__": "العدد"},
        f"required_{place}": {"type": "boolean", "__example__": True},
        f"choices_{place}": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"id": {"type": "string"}, "title": {"type": "string"}},
            },
            "__example__": [{"id": "0", "title": "نعم"}],
        },
    }
