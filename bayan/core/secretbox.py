"""Encrypting what the database keeps of others' secrets."""

import base64
import hashlib

from cryptography.fernet import Fernet
from django.conf import settings


def _box() -> Fernet:
    return Fernet(base64.urlsafe_b64encode(hashlib.sha256(settings.FIELD_KEY.encode()).digest()))


def lock(secret: str) -> bytes:
    """The secret, encrypted and authenticated with the instance's field key."""
    return _box().encrypt(secret.encode())


def unlock(locked: bytes | memoryview) -> str:
    """The secret again.

    :raises cryptography.fernet.InvalidToken: it was locked with another key
    """
    return _box().decrypt(bytes(locked)).decode()
