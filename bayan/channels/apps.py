from django.apps import AppConfig


class ChannelsConfig(AppConfig):
    name = "bayan.channels"
    label = "channels"
