from django.apps import AppConfig


class WorkConfig(AppConfig):
    name = "bayan.work"
    label = "work"
