"""Many cases ended by one press, who follows what others reported, dry runs step by step."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.uuid
from django.conf import settings
from django.db import migrations, models

import bayan.core.models
from bayan.core.rls import protect

OF_A_CASE = "EXISTS (SELECT FROM cases_case c WHERE c.id = case_id)"
# What one has pressed or begun oneself.
MINE = "by_id = nullif(current_setting('bayan.member', true), '')::bigint"


class Migration(migrations.Migration):
    dependencies = [
        ("cases", "0021_surge"),
        ("inbox", "0009_contacts_found"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Ending",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("outcome", models.CharField(max_length=20, verbose_name="outcome")),
                (
                    "words",
                    models.TextField(blank=True, max_length=3000, verbose_name="closing message"),
                ),
                ("due_at", models.DateTimeField(verbose_name="due")),
            ],
        ),
        migrations.CreateModel(
            name="EndingCase",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Follower",
            fields=[
                (
                    "own",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="follower",
                        serialize=False,
                        to="cases.case",
                    ),
                ),
                ("at", models.DateTimeField(verbose_name="since")),
                ("stopped_at", models.DateTimeField(null=True, verbose_name="stopped")),
                ("told_at", models.DateTimeField(null=True, verbose_name="told of the end")),
            ],
        ),
        migrations.CreateModel(
            name="RoutingTrial",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "public_id",
                    bayan.core.models.PublicIdField(
                        db_default=django.db.models.functions.uuid.UUID7(),
                        default=bayan.core.models.uuid7,
                        editable=False,
                        unique=True,
                    ),
                ),
                ("begun_at", models.DateTimeField(verbose_name="began")),
                ("asked", models.TextField(blank=True, verbose_name="asked")),
                ("rule", models.UUIDField(null=True, verbose_name="rule")),
                ("stamp", models.UUIDField(null=True, verbose_name="stamp")),
                (
                    "keys",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.BigIntegerField(), verbose_name="cases"
                    ),
                ),
                ("is_cut", models.BooleanField(default=False, verbose_name="there were more")),
                ("done", models.PositiveIntegerField(default=0, verbose_name="done")),
                ("found", models.JSONField(default=dict, verbose_name="found")),
            ],
        ),
        migrations.RemoveConstraint(
            model_name="reminded",
            name="reminded_once",
        ),
        migrations.AddField(
            model_name="reminded",
            name="way",
            field=models.CharField(
                choices=[("words", "in words"), ("template", "by a template")],
                db_default="words",
                default="words",
                max_length=10,
                verbose_name="way",
            ),
        ),
        migrations.AddConstraint(
            model_name="reminded",
            constraint=models.UniqueConstraint(
                models.F("case"), models.F("since"), models.F("way"), name="reminded_once"
            ),
        ),
        migrations.AddField(
            model_name="ending",
            name="by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="endingcase",
            name="case",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to="cases.case"
            ),
        ),
        migrations.AddField(
            model_name="endingcase",
            name="ending",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="cases", to="cases.ending"
            ),
        ),
        migrations.AddField(
            model_name="follower",
            name="case",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="followers",
                to="cases.case",
            ),
        ),
        migrations.AddField(
            model_name="follower",
            name="held",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="inbox.message",
            ),
        ),
        migrations.AddField(
            model_name="routingtrial",
            name="by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddIndex(
            model_name="ending",
            index=models.Index(models.F("due_at"), name="ending_due"),
        ),
        migrations.AddIndex(
            model_name="follower",
            index=models.Index(
                models.F("case"), condition=models.Q(("told_at", None)), name="follower_to_tell"
            ),
        ),
        migrations.AddIndex(
            model_name="follower",
            index=models.Index(
                models.F("own"), condition=models.Q(("held__isnull", False)), name="follower_held"
            ),
        ),
        protect("cases_ending", visible=MINE),
        protect("cases_endingcase", visible=OF_A_CASE, commands=("SELECT", "INSERT", "DELETE")),
        protect(
            "cases_follower",
            visible="EXISTS (SELECT FROM cases_case c WHERE c.id = own_id)",
            commands=("SELECT",),
        ),
        protect("cases_routingtrial", visible=MINE),
    ]
