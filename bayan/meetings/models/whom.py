"""Whom a poll asks and a meeting invites: lines as a letter's address has."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from bayan.correspondence.models import Address as LetterAddress
from bayan.correspondence.models import AddressList
from bayan.meetings.models.meetings import Meeting
from bayan.meetings.models.polls import Poll
from bayan.organisation.models import Node
from bayan.people.models import Member, Role


class Address(models.Model):
    """People of bodies by their role, one member, or a list."""

    poll = models.ForeignKey(Poll, models.CASCADE, null=True, related_name="addresses")
    meeting = models.ForeignKey(Meeting, models.CASCADE, null=True, related_name="addresses")
    kind = models.CharField(_("kind"), max_length=14, choices=LetterAddress.Kind)
    node = models.ForeignKey(Node, models.PROTECT, null=True, related_name="+")
    role = models.CharField(_("role"), max_length=20, choices=Role.Kind, blank=True)
    member = models.ForeignKey(Member, models.CASCADE, null=True, related_name="+")
    list = models.ForeignKey(AddressList, models.CASCADE, null=True, related_name="+")
    # Nobody gets a copy of a question.
    is_copy = False

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(poll=None, meeting__isnull=False) | Q(poll__isnull=False, meeting=None),
                name="asked_of_one_thing",
            )
        ]

    def __str__(self) -> str:
        return f"{self.poll_id or self.meeting_id} {self.kind}"
