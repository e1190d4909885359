"""What a command leaves behind when a test calls it within its own process."""

import pytest

from bayan.config.environment import WORKER


@pytest.fixture(autouse=True)
def role_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command takes a role for its process, and processes that a later test starts would inherit it."""
    monkeypatch.setenv("BAYAN_DATABASE_ROLE", WORKER)
