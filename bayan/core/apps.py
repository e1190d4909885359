from django.apps import AppConfig


class CoreConfig(AppConfig):
    name = "bayan.core"
    label = "core"
