"""Fixtures of the tests of triage."""

from __future__ import annotations

import pytest

from bayan.triage.reading import Triage
from bayan.triage.tests.factories import EASTERN


@pytest.fixture(scope="module")
def reader() -> Triage:
    """The model that ships, with the places of the Eastern Province."""
    return Triage.load(EASTERN)
