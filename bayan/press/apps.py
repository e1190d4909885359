from django.apps import AppConfig


class PressConfig(AppConfig):
    name = "bayan.press"
    label = "press"
