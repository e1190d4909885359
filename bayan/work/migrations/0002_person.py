from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("work", "0001_initial"),
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
                    ("update", "promised news"),
                    ("person", "the person's answer"),
                ],
                max_length=20,
                verbose_name="name",
            ),
        ),
        migrations.AddIndex(
            model_name="clock",
            index=models.Index(
                models.F("since"),
                condition=models.Q(("ended_at", None), ("name", "person")),
                name="clock_of_person",
            ),
        ),
    ]
