from django.apps import AppConfig


class DeskConfig(AppConfig):
    name = "bayan.desk"
    label = "desk"
