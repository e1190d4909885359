from django.apps import AppConfig


class CoreConfig(AppConfig):
    name = "bayan.core"
    label = "core"

    def ready(self) -> None:
        import psycopg

        from bayan.core.queries import Arrays  # it registers lookups, for loaded models

        psycopg.adapters.register_dumper(list, Arrays)
