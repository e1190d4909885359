from django.apps import AppConfig


class OrganisationConfig(AppConfig):
    name = "bayan.organisation"
    label = "organisation"
