from django.apps import AppConfig


class MandatesConfig(AppConfig):
    name = "bayan.mandates"
    label = "mandates"
