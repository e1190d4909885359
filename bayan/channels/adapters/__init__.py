"""The channels we speak: one line each."""

from bayan.channels.adapters.base import Adapter
from bayan.channels.adapters.whatsapp import WhatsApp

ADAPTERS: dict[str, Adapter] = {"whatsapp": WhatsApp()}
