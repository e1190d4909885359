from django.apps import AppConfig


class NeedsConfig(AppConfig):
    name = "bayan.needs"
    label = "needs"
