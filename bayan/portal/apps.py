from django.apps import AppConfig


class PortalConfig(AppConfig):
    name = "bayan.portal"
    label = "portal"
