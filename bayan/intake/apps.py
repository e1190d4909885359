from django.apps import AppConfig


class IntakeConfig(AppConfig):
    name = "bayan.intake"
    label = "intake"
