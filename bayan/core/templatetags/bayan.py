"""What our templates need beyond Django's own."""

from django import template

register = template.Library()
