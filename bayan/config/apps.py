from django.apps import AppConfig


class ConfigConfig(AppConfig):
    name = "bayan.config"
    label = "config"

    def ready(self) -> None:
        from bayan.config import subscriptions

        subscriptions.load()
