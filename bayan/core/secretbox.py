"""Encrypting what the database keeps of others' secrets."""

import base64
import hashlib
from functools import cache, lru_cache

from cryptography.fernet import Fernet
from django.conf import settings


@cache
def _box() -> Fernet:
    return Fernet(base64.urlsafe_b64encode(hashlib.sha256(settings.FIELD_KEY.encode()).digest()))


def lock(secret: str) -> bytes:
    """The secret, encrypted and authenticated with the instance's field key."""
    return _box().encrypt(secret.encode())


def unlock(locked: bytes | memoryview) -> str:
    """The secret again.

    :raises cryptography.fernet.InvalidToken: it was locked with another key
    """
    return _unlocked(bytes(locked))


@lru_cache(maxsize=256)
def _unlocked(locked: bytes) -> str:
    # A sender needs the same few secrets with every message.
    return _box().decrypt(locked).decode()
