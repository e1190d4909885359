"""One answer to everybody who reported a matter, and what became of it for each of them."""

import django.db.models.deletion
import django.db.models.functions.uuid
from django.conf import settings
from django.db import migrations, models

import bayan.core.models
from bayan.core.rls import protect


class Migration(migrations.Migration):
    dependencies = [
        ("cases", "0018_whole"),
        ("channels", "0013_work_templates"),
        ("inbox", "0009_contacts_found"),
        ("organisation", "0002_outside_bodies"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Answer",
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
                ("text", models.TextField(blank=True, verbose_name="answer")),
                (
                    "outcome",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("resolved", "put right"),
                            ("answered", "answered"),
                            ("referred", "referred to another body"),
                            ("duplicate", "duplicate"),
                            ("not_actionable", "could not be acted on"),
                        ],
                        max_length=20,
                        verbose_name="outcome",
                    ),
                ),
                (
                    "outside",
                    models.CharField(
                        choices=[
                            ("template", "An approved template"),
                            (
                                "nudge",
                                "Ask them to open the conversation; the answer waits until they do",
                            ),
                            ("leave", "They get nothing, and their cases stay as they are"),
                        ],
                        default="leave",
                        max_length=10,
                        verbose_name="outside the 24 hours",
                    ),
                ),
                ("values", models.JSONField(default=dict, verbose_name="values")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("draft", "draft"),
                            ("running", "is being sent"),
                            ("paused", "paused"),
                            ("taken_back", "taken back"),
                            ("done", "sent"),
                        ],
                        default="draft",
                        max_length=10,
                        verbose_name="state",
                    ),
                ),
                ("created_at", models.DateTimeField(verbose_name="made")),
                ("started_at", models.DateTimeField(null=True, verbose_name="started")),
                ("finished_at", models.DateTimeField(null=True, verbose_name="finished")),
                (
                    "by",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "matter",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="answers",
                        to="cases.case",
                    ),
                ),
                (
                    "node",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="organisation.node",
                    ),
                ),
                (
                    "template",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="channels.template",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="AnswerRecipient",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "waiting"),
                            ("queued", "handed over"),
                            ("held", "waits for the person"),
                            ("excepted", "left out"),
                            ("skipped", "could not be sent"),
                            ("taken_back", "taken back"),
                        ],
                        default="waiting",
                        max_length=10,
                        verbose_name="state",
                    ),
                ),
                (
                    "reason",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("same_person", "gets it under another case of theirs"),
                            ("closed", "the case was closed already"),
                            ("moved", "the case went to another body"),
                            ("window", "last wrote more than 24 hours ago"),
                            ("template", "no approved template fits their number"),
                            ("unreachable", "no number of theirs is known"),
                            ("too_long", "the text is too long for their channel"),
                        ],
                        max_length=12,
                        verbose_name="reason",
                    ),
                ),
                ("at", models.DateTimeField(null=True, verbose_name="handed over")),
                (
                    "stage_before",
                    models.CharField(blank=True, max_length=20, verbose_name="stage before"),
                ),
                (
                    "answer",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="recipients",
                        to="cases.answer",
                    ),
                ),
                (
                    "case",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="answered_by",
                        to="cases.case",
                    ),
                ),
                (
                    "message",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="inbox.message",
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
        ),
        migrations.AddIndex(
            model_name="answer",
            index=models.Index(
                models.OrderBy(models.F("created_at"), descending=True),
                models.OrderBy(models.F("id"), descending=True),
                name="answer_newest",
            ),
        ),
        migrations.AddIndex(
            model_name="answer",
            index=models.Index(
                models.F("id"),
                condition=models.Q(("state", "running"), ("state", "paused"), _connector="OR"),
                name="answer_under_way",
            ),
        ),
        migrations.AddConstraint(
            model_name="answer",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("started_at", None), ("state", "draft")),
                    models.Q(
                        models.Q(("state", "draft"), _negated=True), ("started_at__isnull", False)
                    ),
                    _connector="OR",
                ),
                name="answer_starts_once",
            ),
        ),
        migrations.AddIndex(
            model_name="answerrecipient",
            index=models.Index(
                models.F("answer"),
                models.F("id"),
                condition=models.Q(("state", "waiting")),
                name="answer_to_deliver",
            ),
        ),
        migrations.AddIndex(
            model_name="answerrecipient",
            index=models.Index(
                models.F("id"), condition=models.Q(("state", "held")), name="answer_held"
            ),
        ),
        migrations.AddConstraint(
            model_name="answerrecipient",
            constraint=models.UniqueConstraint(
                models.F("answer"), models.F("case"), name="answer_once_a_case"
            ),
        ),
        migrations.AddConstraint(
            model_name="answerrecipient",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "skipped"), models.Q(("reason", ""), _negated=True)),
                    models.Q(models.Q(("state", "skipped"), _negated=True), ("reason", "")),
                    _connector="OR",
                ),
                name="answer_recipient_skipped_for_a_reason",
            ),
        ),
        migrations.AddConstraint(
            model_name="answerrecipient",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        models.Q(("state", "queued"), ("state", "held"), _connector="OR"),
                        ("message__isnull", False),
                    ),
                    ("state", "taken_back"),
                    models.Q(
                        models.Q(
                            ("state", "waiting"),
                            ("state", "excepted"),
                            ("state", "skipped"),
                            _connector="OR",
                        ),
                        ("message", None),
                    ),
                    _connector="OR",
                ),
                name="answer_recipient_handed_over_has_a_message",
            ),
        ),
        protect("cases_answer"),
        protect("cases_answerrecipient"),
    ]
