"""How allauth keeps second factors: the secrets locked with the instance's key."""

from __future__ import annotations

from allauth.mfa.adapter import DefaultMFAAdapter

from bayan.core import secretbox


class SecondFactors(DefaultMFAAdapter):  # type: ignore[misc]  # allauth ships no types
    """Whoever reads the database makes no codes."""

    def encrypt(self, text: str) -> str:
        return secretbox.lock(text).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return secretbox.unlock(encrypted_text.encode())
