from django.apps import AppConfig


class DemoConfig(AppConfig):
    name = "bayan.demo"
    label = "demo"
