"""What bodies need from the public relations department, and the things that it lends and gives out."""

from bayan.needs.models.asking import Attachment, Form, FormVersion, Kind, Need, NeedQuerySet, Step
from bayan.needs.models.things import Booking, BookingQuerySet, Movement, Outage, Thing

__all__ = [
    "Attachment",
    "Booking",
    "BookingQuerySet",
    "Form",
    "FormVersion",
    "Kind",
    "Movement",
    "Need",
    "NeedQuerySet",
    "Outage",
    "Step",
    "Thing",
]
