from django.apps import AppConfig


class PlacesConfig(AppConfig):
    name = "bayan.places"
    label = "places"
