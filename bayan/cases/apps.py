from django.apps import AppConfig


class CasesConfig(AppConfig):
    name = "bayan.cases"
    label = "cases"
