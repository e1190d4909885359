from django.apps import AppConfig


class InboxConfig(AppConfig):
    name = "bayan.inbox"
    label = "inbox"
