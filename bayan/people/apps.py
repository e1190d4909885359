from django.apps import AppConfig


class PeopleConfig(AppConfig):
    name = "bayan.people"
    label = "people"
