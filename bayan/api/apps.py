from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "bayan.api"
    label = "api"
