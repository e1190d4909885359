"""Surge mode: when it was on, whom it thanked, what was handled together, who came to help."""

import django.db.models.deletion
import django.db.models.functions.uuid
from django.conf import settings
from django.db import migrations, models

import bayan.core.models
from bayan.core.rls import IN_A_VISIBLE_NODE, protect

# Whoever works in a body sees the surges above them too: they concern their work.
CONCERNED = """EXISTS (
    SELECT FROM organisation_node n
    WHERE n.id = ANY (ARRAY(SELECT visible_nodes())) AND n.lineage @> ARRAY[cases_surge.node_id]
)"""
OF_A_SURGE = "EXISTS (SELECT FROM cases_surge s WHERE s.id = surge_id)"
# Who comes to help is the business of those who see the body.
OF_AN_OWN_SURGE = (
    f"EXISTS (SELECT FROM cases_surge s WHERE s.id = surge_id AND s.{IN_A_VISIBLE_NODE})"
)


# Only those who see the body itself change its surge.
WRITING = [
    f"CREATE POLICY web_insert ON cases_surge FOR INSERT TO bayan_web WITH CHECK ({IN_A_VISIBLE_NODE})",
    f"CREATE POLICY web_update ON cases_surge FOR UPDATE TO bayan_web USING ({IN_A_VISIBLE_NODE})",
    f"CREATE POLICY web_delete ON cases_surge FOR DELETE TO bayan_web USING ({IN_A_VISIBLE_NODE})",
]


class Migration(migrations.Migration):
    dependencies = [
        ("cases", "0020_answers_rest_on"),
        ("organisation", "0002_outside_bodies"),
        ("people", "0009_language"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Surge",
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
                ("ended_at", models.DateTimeField(null=True, verbose_name="ended")),
                ("reason", models.CharField(max_length=200, verbose_name="reason")),
                (
                    "statement",
                    models.TextField(blank=True, max_length=900, verbose_name="statement"),
                ),
                (
                    "statement_link",
                    models.URLField(
                        blank=True, max_length=300, verbose_name="link of the statement"
                    ),
                ),
                ("thanks", models.TextField(max_length=900, verbose_name="acknowledgement")),
                ("terms", models.JSONField(default=list, verbose_name="words")),
                (
                    "wait_words",
                    models.CharField(blank=True, max_length=60, verbose_name="expected wait"),
                ),
                (
                    "step",
                    models.PositiveSmallIntegerField(
                        choices=[
                            (0, "nothing is put off"),
                            (1, "second opinions wait"),
                            (2, "comparing cases and pictures waits"),
                            (3, "nobody is asked where it is"),
                            (4, "broadcasts pause"),
                            (5, "figures of the weeks wait"),
                        ],
                        default=0,
                        verbose_name="step",
                    ),
                ),
                ("step_at", models.DateTimeField(verbose_name="step since")),
                ("is_by_hand", models.BooleanField(default=False, verbose_name="by hand")),
                (
                    "backlog",
                    models.PositiveIntegerField(default=0, verbose_name="waiting in the journal"),
                ),
                (
                    "backlog_seconds",
                    models.PositiveIntegerField(default=0, verbose_name="age of the oldest"),
                ),
                ("measured_at", models.DateTimeField(null=True, verbose_name="measured")),
                ("steps", models.JSONField(default=list, verbose_name="steps")),
                ("paused", models.JSONField(default=list, verbose_name="paused broadcasts")),
                ("summary", models.JSONField(default=dict, verbose_name="summary")),
                (
                    "begun_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "burst",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="cases.burst",
                    ),
                ),
                (
                    "ended_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
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
            ],
        ),
        migrations.CreateModel(
            name="Handled",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "how",
                    models.CharField(
                        choices=[
                            ("pointed", "pointed to the statement"),
                            ("none", "needs no answer"),
                        ],
                        max_length=10,
                        verbose_name="how",
                    ),
                ),
                ("due_at", models.DateTimeField(verbose_name="due")),
                ("done_at", models.DateTimeField(null=True, verbose_name="done")),
                (
                    "by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "case",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="cases.case",
                    ),
                ),
                (
                    "surge",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="cases.surge",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Acknowledged",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("owed_at", models.DateTimeField(null=True, verbose_name="owed since")),
                ("sent_at", models.DateTimeField(null=True, verbose_name="sent")),
                (
                    "case",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="cases.case",
                    ),
                ),
                (
                    "contact",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="people.contact",
                    ),
                ),
                (
                    "surge",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="cases.surge",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="TeamLink",
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
                ("hash", models.BinaryField(max_length=32, unique=True, verbose_name="hash")),
                ("made_at", models.DateTimeField(verbose_name="made")),
                ("expires_at", models.DateTimeField(verbose_name="good until")),
                ("help_until", models.DateTimeField(verbose_name="help until")),
                ("most", models.PositiveSmallIntegerField(verbose_name="people at the most")),
                (
                    "used",
                    models.PositiveSmallIntegerField(default=0, verbose_name="people who came"),
                ),
                ("withdrawn_at", models.DateTimeField(null=True, verbose_name="withdrawn")),
                (
                    "made_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "surge",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="links",
                        to="cases.surge",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Helper",
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
                ("joined_at", models.DateTimeField(verbose_name="came")),
                ("ends_at", models.DateTimeField(verbose_name="until")),
                ("left_at", models.DateTimeField(null=True, verbose_name="left")),
                (
                    "left_by",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("time", "their time is over"),
                            ("surge", "the surge ended"),
                            ("withdrawn", "withdrawn"),
                        ],
                        max_length=10,
                        verbose_name="why they left",
                    ),
                ),
                ("given_back", models.PositiveIntegerField(default=0, verbose_name="given back")),
                (
                    "member",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "role",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="people.role",
                    ),
                ),
                (
                    "surge",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="helpers",
                        to="cases.surge",
                    ),
                ),
                (
                    "link",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="cases.teamlink",
                    ),
                ),
            ],
        ),
        migrations.AddIndex(
            model_name="surge",
            index=models.Index(
                models.OrderBy(models.F("begun_at"), descending=True),
                models.F("node"),
                name="surge_latest",
            ),
        ),
        migrations.AddConstraint(
            model_name="surge",
            constraint=models.UniqueConstraint(
                models.F("node"), condition=models.Q(("ended_at", None)), name="surge_one_at_a_time"
            ),
        ),
        migrations.AddConstraint(
            model_name="surge",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("ended_at", None), ("ended_at__gte", models.F("begun_at")), _connector="OR"
                ),
                name="surge_ends_after_it_begins",
            ),
        ),
        migrations.AddConstraint(
            model_name="surge",
            constraint=models.CheckConstraint(
                condition=models.Q(("step__lte", 5)), name="surge_step_is_known"
            ),
        ),
        migrations.AddIndex(
            model_name="handled",
            index=models.Index(
                models.F("due_at"), condition=models.Q(("done_at", None)), name="handled_due"
            ),
        ),
        migrations.AddConstraint(
            model_name="handled",
            constraint=models.UniqueConstraint(
                models.F("surge"), models.F("case"), name="handled_once"
            ),
        ),
        migrations.AddIndex(
            model_name="acknowledged",
            index=models.Index(
                models.F("id"),
                condition=models.Q(("owed_at__isnull", False)),
                name="acknowledged_owed",
            ),
        ),
        migrations.AddConstraint(
            model_name="acknowledged",
            constraint=models.UniqueConstraint(
                models.F("surge"), models.F("contact"), name="acknowledged_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="teamlink",
            constraint=models.CheckConstraint(
                condition=models.Q(("used__lte", models.F("most"))),
                name="team_link_is_used_so_often",
            ),
        ),
        migrations.AddConstraint(
            model_name="teamlink",
            constraint=models.CheckConstraint(
                condition=models.Q(("expires_at__gt", models.F("made_at"))),
                name="team_link_is_good_for_a_while",
            ),
        ),
        migrations.AddIndex(
            model_name="helper",
            index=models.Index(
                models.F("ends_at"), condition=models.Q(("left_at", None)), name="helper_to_leave"
            ),
        ),
        migrations.AddConstraint(
            model_name="helper",
            constraint=models.UniqueConstraint(
                models.F("surge"),
                models.F("member"),
                condition=models.Q(("left_at", None)),
                name="helper_once_at_a_time",
            ),
        ),
        migrations.AddConstraint(
            model_name="helper",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("left_at", None), ("left_by", "")),
                    models.Q(("left_at__isnull", False), models.Q(("left_by", ""), _negated=True)),
                    _connector="OR",
                ),
                name="helper_left_for_a_reason",
            ),
        ),
        protect("cases_surge", visible=CONCERNED, commands=("SELECT",)),
        migrations.RunSQL(";\n".join(WRITING), migrations.RunSQL.noop),
        protect("cases_acknowledged", visible=OF_A_SURGE, commands=("SELECT",)),
        protect("cases_handled", visible=OF_A_SURGE),
        protect("cases_teamlink", visible=OF_AN_OWN_SURGE),
        protect("cases_helper", visible=OF_AN_OWN_SURGE),
    ]
