"""What the import linter cannot say of the house plan (docs/architecture.md)."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from bayan.config.environment import PROJECT_DIR

# Whoever looks at all modules does so in one process, which reads them once.
pytestmark = pytest.mark.xdist_group("architecture")

BAYAN = PROJECT_DIR / "bayan"
APPS = {path.parent.name for path in BAYAN.glob("*/apps.py")}
# Of another app only these are imported; a library is public altogether.
DOORS = {"models", "services", "selectors", "events"}
LIBRARIES = {"core", "triage"}
# `people.permissions` is the fifth door; `config` wires everything together.
FIFTH_DOORS = {("people", "permissions")}
WIRING = {"config"}
WRITES = {
    "bulk_create", "bulk_update", "create", "delete", "get_or_create", "save", "update",
    "update_or_create", "set_password",
}  # fmt: skip
# Dictionaries and sets have an `update` too: these modules write no rows.
MAY_WRITE = {"models", "services"}


@cache
def modules() -> list[tuple[str, Path, ast.Module]]:
    return [
        (path.relative_to(BAYAN).parts[0], path, ast.parse(path.read_text(encoding="utf-8")))
        for path in BAYAN.rglob("*.py")
        if not {"tests", "migrations"} & set(path.parts)
        and path.relative_to(BAYAN).parts[0] in APPS
    ]


def imported(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Pairs of (app, module in it) that a module imports from bayan."""
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            parts = name.split(".")
            if parts[0] == "bayan" and len(parts) > 2:
                yield parts[1], parts[2]


def test_of_another_app_only_the_doors_are_imported() -> None:
    trespasses = [
        f"{path.relative_to(BAYAN)} imports {other}.{module}"
        for app, path, tree in modules()
        if app not in WIRING
        for other, module in imported(tree)
        if other != app
        and other not in LIBRARIES
        and module not in DOORS
        and (other, module) not in FIFTH_DOORS
    ]
    assert trespasses == []


def test_only_services_and_models_write_rows() -> None:
    trespasses = [
        f"{path.relative_to(BAYAN)}:{call.lineno} .{call.func.attr}()"
        for app, path, tree in modules()
        if app not in LIBRARIES | WIRING and not MAY_WRITE & {path.stem, path.parent.name}
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr in WRITES
        and "objects" in ast.unparse(call.func)
    ]
    assert trespasses == []


def test_a_template_takes_only_from_its_own_app_or_core() -> None:
    pattern = re.compile(r"""{%\s*(?:extends|include)\s+["']([^"']+)["']""")
    trespasses = []
    for path in BAYAN.glob("*/templates/**/*.html"):
        app = path.relative_to(BAYAN).parts[0]
        for name in pattern.findall(path.read_text(encoding="utf-8")):
            owner = name.split("/")[0].partition("#")[0]
            if owner not in {app, "core"}:
                trespasses.append(f"{path.relative_to(BAYAN)} takes {name}")
    assert trespasses == []


def test_adapters_are_reached_through_the_services_of_channels_only() -> None:
    outsiders = [
        str(path.relative_to(BAYAN))
        for app, path, tree in modules()
        if app != "channels" and ("channels", "adapters") in set(imported(tree))
    ]
    assert outsiders == []
