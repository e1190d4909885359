"""How sure triage must be before it gives a label, wakes somebody, joins cases or tells of a burst.

An authority's pack sets what it wants otherwise in `triage.toml` (docs/triage.md).
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bayan.core.errors import DomainError
from bayan.triage import bursts, matters
from bayan.triage.taxonomy import CATEGORIES, KINDS

if TYPE_CHECKING:
    from bayan.triage.reading import Reading

# What holds for the labels of a head that have no threshold of their own.
USUAL = "usual"
SURE = 0.4
LABELS = {"kind": KINDS, "category": CATEGORIES}


class ThresholdsUnreadable(DomainError):
    pass


@dataclass(frozen=True)
class Thresholds:
    """What an authority may set of triage; the defaults are Bayan's own."""

    # By head (kind, category), then by label or USUAL.
    sure: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    # From this probability on a text is an emergency; None: as the model's card says.
    emergency: float | None = None
    # What is less likely than `suggest` is not worth a member's look.
    matters: matters.Limits = field(default_factory=lambda: matters.Limits(suggest=0.1))
    bursts: bursts.Limits = field(default_factory=bursts.Limits)

    def is_sure(self, head: str, label: str, confidence: float) -> bool:
        """Whether a case is given this label, or a member is only offered it."""
        of = self.sure.get(head, {})
        return confidence >= of.get(label, of.get(USUAL, SURE))

    def are_met_by(self, reading: Reading) -> bool:
        """Whether each label of a reading is sure enough to be given."""
        return all(
            self.is_sure(head, getattr(reading, head), reading.confidence[head]) for head in LABELS
        )


@dataclass(frozen=True)
class _Range:
    least: float
    most: float
    is_whole: bool = False


_PROBABILITY = _Range(0, 1)
_MATTERS = {"join": _Range(0.5, 1), "suggest": _Range(0.01, 1)}
_BURSTS = {
    "minimum": _Range(3, 10_000, is_whole=True),
    "times": _Range(1, 100),
    "chance": _Range(1e-12, 0.01),
    "again": _Range(1, 100),
    # Workers that notice the same burst rely on a pause of more than half an hour.
    "pause_hours": _Range(1, 168),
}
# Above one half a cry for help is more likely than not, and would still go unheard.
_EMERGENCY = _Range(0.001, 0.5)


def read_thresholds(folder: Path) -> Thresholds:
    """The thresholds of an authority pack; Bayan's own where it has no `triage.toml`.

    :raises ThresholdsUnreadable: names the file, the setting and what may stand there
    """
    path = folder / "triage.toml"
    if not path.is_file():
        return Thresholds()
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ThresholdsUnreadable(f"{path} cannot be read: {error}") from error
    tables = _File(path, given)
    tables.refuse_unknown("", given, ("sure", "emergency", "matters", "bursts"))
    usual = Thresholds()
    set_matters = tables.numbers("matters", _MATTERS)
    set_bursts: dict[str, Any] = tables.numbers("bursts", _BURSTS)
    if "pause_hours" in set_bursts:
        set_bursts["pause"] = timedelta(hours=set_bursts.pop("pause_hours"))
    found = Thresholds(
        sure=tables.sure(),
        emergency=tables.number("emergency", given["emergency"], _EMERGENCY)
        if "emergency" in given
        else None,
        matters=replace(usual.matters, **set_matters),
        bursts=replace(usual.bursts, **set_bursts),
    )
    if found.matters.suggest > found.matters.join:
        raise ThresholdsUnreadable(
            f"{path}: matters.suggest ({found.matters.suggest:g}) is above matters.join "
            f"({found.matters.join:g}): what is joined is likelier than what is suggested."
        )
    return found


@dataclass(frozen=True)
class _File:
    path: Path
    given: Mapping[str, Any]

    def sure(self) -> dict[str, dict[str, float]]:
        """Of each head one number for all labels, or a table of labels."""
        found: dict[str, dict[str, float]] = {}
        table = self._table("sure", self.given.get("sure", {}))
        self.refuse_unknown("sure.", table, LABELS)
        for head, value in table.items():
            of = value if isinstance(value, dict) else {USUAL: value}
            self.refuse_unknown(f"sure.{head}.", of, (USUAL, *LABELS[head]))
            found[head] = {
                label: self.number(f"sure.{head}.{label}", least, _PROBABILITY)
                for label, least in of.items()
            }
        return found

    def numbers(self, name: str, ranges: Mapping[str, _Range]) -> dict[str, float]:
        table = self._table(name, self.given.get(name, {}))
        self.refuse_unknown(f"{name}.", table, ranges)
        return {
            key: self.number(f"{name}.{key}", value, ranges[key]) for key, value in table.items()
        }

    def number(self, where: str, value: object, range_: _Range) -> float:
        kinds = int if range_.is_whole else int | float
        if (
            isinstance(value, bool)
            or not isinstance(value, kinds)
            or math.isnan(value)
            or not range_.least <= value <= range_.most
        ):
            what = "a whole number" if range_.is_whole else "a number"
            raise ThresholdsUnreadable(
                f"{self.path}: {where} is {value}: write {what} from {range_.least:g} to {range_.most:g}."
            )
        return value

    def refuse_unknown(self, above: str, table: Mapping[str, Any], known: Any) -> None:
        for name in table:
            if name not in known:
                raise ThresholdsUnreadable(
                    f"{self.path}: {above}{name} is not known. Known there: {', '.join(known)}."
                )

    def _table(self, name: str, value: object) -> Mapping[str, Any]:
        if not isinstance(value, dict):
            raise ThresholdsUnreadable(f"{self.path}: {name} is {value}: write a table [{name}].")
        return value
