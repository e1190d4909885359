"""What every staff page shows of the one who looks at it."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest


def staff(request: HttpRequest) -> dict[str, Any]:
    """The member's access (None before sign-in) and whether this is a demo."""
    return {"access": getattr(request, "access", None), "is_demo": settings.IS_DEMO}
