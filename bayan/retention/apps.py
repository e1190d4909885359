from django.apps import AppConfig


class RetentionConfig(AppConfig):
    name = "bayan.retention"
    label = "retention"
