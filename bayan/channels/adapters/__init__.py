"""The channels we speak: one line each."""

from bayan.channels.adapters.base import Adapter
from bayan.channels.adapters.email import Email
from bayan.channels.adapters.sms.taqnyat import Taqnyat
from bayan.channels.adapters.sms.unifonic import Unifonic
from bayan.channels.adapters.whatsapp import WhatsApp

ADAPTERS: dict[str, Adapter] = {
    "whatsapp": WhatsApp(),
    "unifonic": Unifonic(),
    "taqnyat": Taqnyat(),
    "email": Email(),
}
