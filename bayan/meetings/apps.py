from django.apps import AppConfig


class MeetingsConfig(AppConfig):
    name = "bayan.meetings"
    label = "meetings"
