from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("work", "0006_remarks"),
    ]

    operations = [
        migrations.AlterField(
            model_name="clock",
            name="name",
            field=models.CharField(
                choices=[
                    ("due", "the task"),
                    ("answer", "first answer"),
                    ("close", "the end"),
                    ("second", "second deadline"),
                    ("update", "promised news"),
                    ("person", "the person's answer"),
                ],
                max_length=20,
                verbose_name="name",
            ),
        ),
        migrations.AlterField(
            model_name="item",
            name="awaits",
            field=models.CharField(
                blank=True,
                choices=[
                    ("open", "open"),
                    ("done", "done"),
                    ("returned", "returned for changes"),
                    ("refused", "not approved"),
                    ("declined", "declined"),
                    ("withdrawn", "withdrawn"),
                ],
                max_length=10,
                verbose_name="waits for words to be",
            ),
        ),
        migrations.AlterField(
            model_name="item",
            name="state",
            field=models.CharField(
                choices=[
                    ("open", "open"),
                    ("done", "done"),
                    ("returned", "returned for changes"),
                    ("refused", "not approved"),
                    ("declined", "declined"),
                    ("withdrawn", "withdrawn"),
                ],
                default="open",
                max_length=10,
                verbose_name="state",
            ),
        ),
        migrations.AlterField(
            model_name="notice",
            name="level",
            field=models.CharField(
                blank=True,
                choices=[
                    ("reminder", "reminder"),
                    ("first", "first follow-up"),
                    ("second", "second follow-up"),
                    ("raised", "raised"),
                    ("last", "second deadline missed"),
                ],
                max_length=10,
                verbose_name="level",
            ),
        ),
        migrations.AlterField(
            model_name="ring",
            name="level",
            field=models.CharField(
                choices=[
                    ("reminder", "reminder"),
                    ("first", "first follow-up"),
                    ("second", "second follow-up"),
                    ("raised", "raised"),
                    ("last", "second deadline missed"),
                ],
                max_length=10,
                verbose_name="level",
            ),
        ),
    ]
