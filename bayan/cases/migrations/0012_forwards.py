"""What members pass on, and what was made of it."""

import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.db.models.deletion
import django.db.models.functions.uuid
from django.conf import settings
from django.db import migrations, models

import bayan.core.models
from bayan.core.rls import IN_A_VISIBLE_NODE, protect

# The body of the member who passed it on sees it, and the one whose case it is part of.
VISIBLE = f"{IN_A_VISIBLE_NODE} OR EXISTS (SELECT FROM cases_case c WHERE c.id = case_id)"


class Migration(migrations.Migration):
    dependencies = [
        ("cases", "0011_pictures"),
        ("inbox", "0009_contacts_found"),
        ("organisation", "0002_outside_bodies"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Forward",
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
                (
                    "messages",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.BigIntegerField(), default=list, verbose_name="messages"
                    ),
                ),
                ("text", models.TextField(blank=True, verbose_name="text")),
                (
                    "digests",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=64),
                        default=list,
                        verbose_name="hashes",
                    ),
                ),
                ("said", models.JSONField(default=dict, verbose_name="said by triage")),
                ("matches", models.PositiveIntegerField(default=0, verbose_name="matches")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "waits for a decision"),
                            ("created", "case created"),
                            ("joined", "joined to a case"),
                            ("noted", "for information"),
                        ],
                        default="waiting",
                        max_length=10,
                        verbose_name="state",
                    ),
                ),
                ("received_at", models.DateTimeField(verbose_name="received")),
                ("answered_at", models.DateTimeField(null=True, verbose_name="answered")),
                ("decided_at", models.DateTimeField(null=True, verbose_name="decided")),
                (
                    "before",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="cases.forward",
                    ),
                ),
                (
                    "case",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="forwards",
                        to="cases.case",
                    ),
                ),
                (
                    "likeliest",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="cases.case",
                    ),
                ),
                (
                    "member",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "node",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="organisation.node",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        models.OrderBy(models.F("received_at"), descending=True),
                        models.OrderBy(models.F("id"), descending=True),
                        name="forward_newest",
                    ),
                    models.Index(
                        models.F("member"),
                        models.OrderBy(models.F("received_at"), descending=True),
                        name="forward_of_member",
                    ),
                    models.Index(
                        models.F("id"),
                        condition=models.Q(("answered_at", None)),
                        name="forward_unanswered",
                    ),
                    models.Index(
                        models.F("case"),
                        condition=models.Q(("case__isnull", False)),
                        name="forward_of_case",
                    ),
                    django.contrib.postgres.indexes.GinIndex(
                        models.F("digests"), name="forward_again"
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                models.Q(
                                    ("state", "created"), ("state", "joined"), _connector="OR"
                                ),
                                ("case__isnull", False),
                            ),
                            models.Q(
                                models.Q(("state", "waiting"), ("state", "noted"), _connector="OR"),
                                ("case", None),
                            ),
                            _connector="OR",
                        ),
                        name="forward_state_says_whether_it_has_a_case",
                    )
                ],
            },
        ),
        protect("cases_forward", visible=VISIBLE, commands=("SELECT",)),
    ]
