"""The documents name files and functions: they must exist, or the documents have rotted."""

from __future__ import annotations

import re

import pytest

from bayan.config.environment import PROJECT_DIR

DOCS = PROJECT_DIR / "docs"
A_FILE = re.compile(r"`((?:bayan|emulator|e2e|assets|authorities|benchmarks)/[\w/.\-]+\.\w+)`")
A_NAME_IN_A_FILE = re.compile(r"`(\w+)` (?:in|of) `(bayan/[\w/]+\.py)`")
A_LINK = re.compile(r"\]\((?!https?:)([^)#]+)\)")


@pytest.mark.parametrize("page", ["walkthrough.md", "architecture.md"])
def test_every_file_that_a_page_names_exists(page: str) -> None:
    named = A_FILE.findall((DOCS / page).read_text(encoding="utf-8"))
    assert [name for name in named if not (PROJECT_DIR / name).is_file()] == []


def test_every_function_that_the_walkthrough_names_is_defined_there() -> None:
    named = A_NAME_IN_A_FILE.findall((DOCS / "walkthrough.md").read_text(encoding="utf-8"))
    missing = [
        f"{name} in {path}"
        for name, path in named
        if not re.search(
            rf"^(?:async )?(?:def|class) {name}\b", (PROJECT_DIR / path).read_text(), re.MULTILINE
        )
    ]
    assert len(named) >= 15
    assert missing == []


def test_every_link_between_documents_leads_somewhere() -> None:
    pages = [*PROJECT_DIR.glob("*.md"), *DOCS.rglob("*.md"), PROJECT_DIR / "emulator" / "README.md"]
    broken = [
        f"{page.relative_to(PROJECT_DIR)} -> {target}"
        for page in pages
        for target in A_LINK.findall(page.read_text(encoding="utf-8"))
        if not (page.parent / target).exists()
    ]
    assert broken == []
