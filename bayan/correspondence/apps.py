from django.apps import AppConfig


class CorrespondenceConfig(AppConfig):
    name = "bayan.correspondence"
    label = "correspondence"
