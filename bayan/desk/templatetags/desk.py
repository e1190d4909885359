"""What the desk's pages need."""

from __future__ import annotations

from django import template
from django.utils.translation import get_language

from bayan.people.models import Contact

register = template.Library()


@register.simple_tag
def contact_look(contact: Contact) -> str:
    """All that a row shows of this contact but its clock: as long as it is the same, the row is."""
    facts = vars(contact)
    return repr(
        (
            get_language(), contact.public_id, contact.name, facts["has_opted_out"], facts["open_cases"],
            [(identity.scheme, identity.value) for identity in contact.identities.all()],
            [conversation.node_id for conversation in contact.conversations.all()],
        )
    )  # fmt: skip
