"""What a closing rests on, attempts to reach people, samples of quality, and the register of directives."""

import django.db.models.deletion
import django.db.models.functions.uuid
from django.conf import settings
from django.db import migrations, models

import bayan.core.models
from bayan.core.rls import protect

OF_A_CASE = "EXISTS (SELECT FROM cases_case c WHERE c.id = case_id)"
OF_BOTH_CASES = f"{OF_A_CASE} AND EXISTS (SELECT FROM cases_case c WHERE c.id = other_id)"
# The bodies that the member of this request heads, by roles of their own or of whom they stand in for; as
# nodes_visible_to, but for directors and administrators alone.
HEADED_NODES = """
CREATE FUNCTION headed_nodes() RETURNS SETOF bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT DISTINCT n.id
    FROM people_member me
    JOIN people_role r ON r.member_id = me.id OR r.member_id IN (
        SELECT d.member_id
        FROM people_deputyship d
        JOIN people_member lender ON lender.id = d.member_id AND lender.is_active
        WHERE d.deputy_id = me.id AND d.starts_at <= now() AND d.ends_at > now()
    )
    JOIN organisation_node n ON r.node_id = ANY (n.lineage)
    WHERE me.id = nullif(current_setting('bayan.member', true), '')::bigint AND me.is_active
      AND r.kind IN ('director', 'administrator')
      AND r.starts_at <= now() AND (r.ends_at IS NULL OR r.ends_at > now())
$$;
"""
# Whoever gave it, wrote it down or does it, and who heads the body: nobody else, whatever their role.
FOR_FEW = """
node_id = ANY (ARRAY(SELECT headed_nodes()))
OR given_by_id = nullif(current_setting('bayan.member', true), '')::bigint
OR registered_by_id = nullif(current_setting('bayan.member', true), '')::bigint
OR EXISTS (
    SELECT FROM work_item i
    WHERE i.id = item_id AND i.owner_id = nullif(current_setting('bayan.member', true), '')::bigint
)
"""


class Migration(migrations.Migration):
    dependencies = [
        ("cases", "0017_reminded"),
        ("channels", "0013_work_templates"),
        ("organisation", "0002_outside_bodies"),
        ("work", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Attempt",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "way",
                    models.CharField(
                        choices=[("phone", "by phone"), ("whatsapp", "by WhatsApp")],
                        max_length=10,
                        verbose_name="way",
                    ),
                ),
                ("at", models.DateTimeField(verbose_name="at")),
                ("note", models.CharField(blank=True, max_length=200, verbose_name="note")),
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
                    "case",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="attempts",
                        to="cases.case",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Closing",
            fields=[
                (
                    "case",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="closing",
                        serialize=False,
                        to="cases.case",
                    ),
                ),
                (
                    "excuse",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("inside", "the work is inside a building"),
                            ("confirmed", "the person confirmed it themselves"),
                            ("gone", "the hazard went away by itself"),
                            ("other", "another reason, in words"),
                        ],
                        max_length=10,
                        verbose_name="why there is no picture",
                    ),
                ),
                (
                    "why",
                    models.CharField(
                        blank=True,
                        choices=[("not_reachable", "the person could not be reached")],
                        max_length=20,
                        verbose_name="why nothing could be done",
                    ),
                ),
                (
                    "words",
                    models.CharField(blank=True, max_length=300, verbose_name="reason in words"),
                ),
                ("at", models.DateTimeField(verbose_name="at")),
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
                    "proof",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="channels.media",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Directive",
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
                ("number", models.PositiveIntegerField(verbose_name="number")),
                ("giver", models.CharField(max_length=120, verbose_name="given by")),
                ("given_on", models.DateField(verbose_name="given on")),
                ("subject", models.CharField(max_length=140, verbose_name="subject")),
                ("text", models.TextField(blank=True, verbose_name="text")),
                ("registered_at", models.DateTimeField(verbose_name="registered")),
                (
                    "case",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="cases.case",
                    ),
                ),
                (
                    "given_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "item",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="work.item",
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
                    "registered_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        models.F("node"), models.F("number"), name="directive_number"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Draw",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("month", models.DateField(verbose_name="month")),
                ("seed", models.CharField(max_length=100, verbose_name="seed")),
                ("closed", models.PositiveIntegerField(verbose_name="closed cases")),
                ("is_whole", models.BooleanField(verbose_name="of the whole month")),
                ("at", models.DateTimeField(verbose_name="at")),
                (
                    "node",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="organisation.node",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(models.F("month"), models.F("node"), name="draw_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="Sampled",
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
                ("month", models.DateField(verbose_name="month")),
                ("is_excused", models.BooleanField(verbose_name="without a picture")),
                ("position", models.PositiveIntegerField(verbose_name="position")),
                (
                    "outcome_true",
                    models.BooleanField(null=True, verbose_name="the outcome is true"),
                ),
                (
                    "proof_shows",
                    models.BooleanField(null=True, verbose_name="the picture shows it"),
                ),
                (
                    "words_kind",
                    models.BooleanField(null=True, verbose_name="the words are kind and correct"),
                ),
                ("place_right", models.BooleanField(null=True, verbose_name="the place is right")),
                (
                    "verdict",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("good", "good"),
                            ("to_improve", "to improve"),
                            ("reopened", "opened again"),
                        ],
                        max_length=10,
                        verbose_name="verdict",
                    ),
                ),
                ("note", models.CharField(blank=True, max_length=300, verbose_name="note")),
                ("judged_at", models.DateTimeField(null=True, verbose_name="judged")),
                (
                    "case",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="cases.case",
                    ),
                ),
                (
                    "judged_by",
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
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="organisation.node",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        models.F("month"),
                        models.F("node"),
                        models.F("position"),
                        name="sampled_of_month",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        models.F("month"), models.F("case"), name="sampled_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("judged_at", None), ("verdict", "")),
                            models.Q(
                                models.Q(("verdict", ""), _negated=True),
                                ("judged_at__isnull", False),
                            ),
                            _connector="OR",
                        ),
                        name="sampled_judged_with_a_verdict",
                    ),
                ],
            },
        ),
        migrations.AlterField(
            model_name="alike",
            name="reason",
            field=models.CharField(
                choices=[
                    ("words", "similar words"),
                    ("picture", "the same picture"),
                    ("near", "near by, of the same kind"),
                    ("circulates", "the same picture, which is going round"),
                ],
                default="words",
                max_length=10,
                verbose_name="reason",
            ),
        ),
        migrations.CreateModel(
            name="Related",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("related", "related to"),
                            ("caused_by", "caused by"),
                            ("part_of", "part of the incident"),
                        ],
                        max_length=10,
                        verbose_name="kind",
                    ),
                ),
                ("at", models.DateTimeField(verbose_name="at")),
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
                    "case",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="cases.case",
                    ),
                ),
                (
                    "other",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="cases.case",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        models.F("case"), models.F("other"), name="related_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("case", models.F("other")), _negated=True),
                        name="related_to_another",
                    ),
                ],
            },
        ),
        migrations.RunSQL(HEADED_NODES, "DROP FUNCTION headed_nodes();"),
        protect("cases_closing", visible=OF_A_CASE),
        protect("cases_attempt", visible=OF_A_CASE, commands=("SELECT", "INSERT")),
        protect("cases_related", visible=OF_BOTH_CASES, commands=("SELECT", "INSERT", "DELETE")),
        protect("cases_draw", commands=("SELECT", "INSERT", "UPDATE")),
        protect("cases_sampled", commands=("SELECT", "INSERT", "UPDATE")),
        protect("cases_directive", visible=FOR_FEW, commands=("SELECT", "INSERT", "UPDATE")),
    ]
