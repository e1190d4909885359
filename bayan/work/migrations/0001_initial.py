"""Work items with their clocks and ladders; what a member sees of them."""

import django.db.models.deletion
import django.db.models.functions.uuid
from django.conf import settings
from django.db import migrations, models

import bayan.core.models
from bayan.core.rls import protect

# What their body must do or gave, and what is theirs wherever they work.
VISIBLE = (
    "node_id = ANY (ARRAY(SELECT visible_nodes())) "
    "OR given_from_id = ANY (ARRAY(SELECT visible_nodes())) "
    "OR owner_id = nullif(current_setting('bayan.member', true), '')::bigint"
)
OF_A_VISIBLE_ITEM = "EXISTS (SELECT FROM work_item i WHERE i.id = item_id)"


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("channels", "0013_work_templates"),
        ("organisation", "0002_outside_bodies"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Contractor",
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
                ("name", models.CharField(max_length=120, unique=True, verbose_name="name")),
                (
                    "contact_name",
                    models.CharField(blank=True, max_length=120, verbose_name="contact person"),
                ),
                ("phone", models.CharField(blank=True, max_length=20, verbose_name="mobile")),
                (
                    "ended_at",
                    models.DateTimeField(null=True, verbose_name="no longer works for us since"),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Clock",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("subject_type", models.CharField(max_length=40, verbose_name="subject")),
                ("subject_key", models.CharField(max_length=80, verbose_name="subject's key")),
                (
                    "name",
                    models.CharField(
                        choices=[
                            ("due", "the task"),
                            ("answer", "first answer"),
                            ("close", "the end"),
                            ("update", "promised news"),
                        ],
                        max_length=20,
                        verbose_name="name",
                    ),
                ),
                ("ladder", models.CharField(default="usual", max_length=40, verbose_name="ladder")),
                ("since", models.DateTimeField(verbose_name="since")),
                ("due_at", models.DateTimeField(verbose_name="due")),
                (
                    "around_the_clock",
                    models.BooleanField(default=False, verbose_name="around the clock"),
                ),
                ("rung", models.PositiveSmallIntegerField(default=0, verbose_name="rung")),
                ("rings_at", models.DateTimeField(null=True, verbose_name="rings")),
                ("paused_at", models.DateTimeField(null=True, verbose_name="paused")),
                ("ended_at", models.DateTimeField(null=True, verbose_name="ended")),
            ],
            options={
                "indexes": [
                    models.Index(
                        models.F("subject_key"), models.F("subject_type"), name="clock_of_subject"
                    ),
                    models.Index(
                        models.F("rings_at"),
                        condition=models.Q(
                            ("ended_at", None), ("paused_at", None), ("rings_at__isnull", False)
                        ),
                        name="clock_to_ring",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        models.F("subject_type"),
                        models.F("subject_key"),
                        models.F("name"),
                        condition=models.Q(("ended_at", None)),
                        name="clock_one_of_a_name",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Item",
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
                    "kind",
                    models.CharField(
                        choices=[
                            ("acknowledge", "acknowledge"),
                            ("answer", "answer"),
                            ("do", "do"),
                            ("approve", "approve"),
                        ],
                        max_length=12,
                        verbose_name="kind",
                    ),
                ),
                ("title", models.CharField(max_length=140, verbose_name="title")),
                ("text", models.TextField(blank=True, verbose_name="hand-over text")),
                (
                    "subject_type",
                    models.CharField(blank=True, max_length=40, verbose_name="subject"),
                ),
                (
                    "subject_key",
                    models.CharField(blank=True, max_length=80, verbose_name="subject's key"),
                ),
                ("given_at", models.DateTimeField(verbose_name="given")),
                ("due_at", models.DateTimeField(verbose_name="due")),
                ("is_emergency", models.BooleanField(default=False, verbose_name="emergency")),
                (
                    "wants_proof",
                    models.BooleanField(default=False, verbose_name="a picture is wanted"),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("open", "open"),
                            ("done", "done"),
                            ("returned", "returned for changes"),
                            ("refused", "not approved"),
                            ("withdrawn", "withdrawn"),
                        ],
                        default="open",
                        max_length=10,
                        verbose_name="state",
                    ),
                ),
                ("answer", models.TextField(blank=True, verbose_name="answer")),
                ("ended_at", models.DateTimeField(null=True, verbose_name="ended")),
                (
                    "ended_name",
                    models.CharField(blank=True, max_length=120, verbose_name="done by"),
                ),
                (
                    "silence",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("parts", "material or equipment is missing"),
                            ("others", "another body must act first"),
                            ("site", "the site cannot be worked at now"),
                            ("time", "it needs more time"),
                            ("not_ours", "it is not ours"),
                        ],
                        max_length=10,
                        verbose_name="why it takes longer",
                    ),
                ),
                ("silence_at", models.DateTimeField(null=True, verbose_name="told")),
                (
                    "awaits",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("open", "open"),
                            ("done", "done"),
                            ("returned", "returned for changes"),
                            ("refused", "not approved"),
                            ("withdrawn", "withdrawn"),
                        ],
                        max_length=10,
                        verbose_name="waits for words to be",
                    ),
                ),
                (
                    "awaits_until",
                    models.DateTimeField(null=True, verbose_name="waits for words until"),
                ),
                (
                    "contractor",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="items",
                        to="work.contractor",
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
                    "given_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "given_from",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="organisation.node",
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
                (
                    "outside",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="organisation.outsidebody",
                    ),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Link",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("hash", models.BinaryField(max_length=32, unique=True, verbose_name="hash")),
                ("made_at", models.DateTimeField(verbose_name="made")),
                ("expires_at", models.DateTimeField(verbose_name="until")),
                ("opened_at", models.DateTimeField(null=True, verbose_name="first opened")),
                ("withdrawn_at", models.DateTimeField(null=True, verbose_name="withdrawn")),
                (
                    "item",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="links",
                        to="work.item",
                    ),
                ),
                (
                    "made_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Project",
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
                ("name", models.CharField(max_length=160, verbose_name="project")),
                (
                    "number",
                    models.CharField(blank=True, max_length=40, verbose_name="contract number"),
                ),
                ("ended_at", models.DateTimeField(null=True, verbose_name="ended")),
                (
                    "contractor",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="projects",
                        to="work.contractor",
                    ),
                ),
                (
                    "department",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="organisation.node",
                    ),
                ),
            ],
        ),
        migrations.AddField(
            model_name="item",
            name="project",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="work.project",
            ),
        ),
        migrations.CreateModel(
            name="Proof",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("latitude", models.FloatField(null=True, verbose_name="latitude")),
                ("longitude", models.FloatField(null=True, verbose_name="longitude")),
                ("at", models.DateTimeField(verbose_name="at")),
                (
                    "item",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="proofs",
                        to="work.item",
                    ),
                ),
                (
                    "media",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="channels.media",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Ring",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("rung", models.PositiveSmallIntegerField(verbose_name="rung")),
                (
                    "level",
                    models.CharField(
                        choices=[
                            ("reminder", "reminder"),
                            ("first", "first follow-up"),
                            ("second", "second follow-up"),
                            ("raised", "raised"),
                        ],
                        max_length=10,
                        verbose_name="level",
                    ),
                ),
                ("due_at", models.DateTimeField(verbose_name="due")),
                ("at", models.DateTimeField(verbose_name="at")),
                (
                    "clock",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="rings",
                        to="work.clock",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Notice",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "level",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("reminder", "reminder"),
                            ("first", "first follow-up"),
                            ("second", "second follow-up"),
                            ("raised", "raised"),
                        ],
                        max_length=10,
                        verbose_name="level",
                    ),
                ),
                ("is_emergency", models.BooleanField(default=False, verbose_name="emergency")),
                ("created_at", models.DateTimeField(verbose_name="made")),
                ("told_at", models.DateTimeField(null=True, verbose_name="told")),
                (
                    "way",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("whatsapp", "WhatsApp"),
                            ("template", "WhatsApp, by template"),
                            ("page", "on the page only"),
                        ],
                        max_length=10,
                        verbose_name="way",
                    ),
                ),
                (
                    "clock",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="notices",
                        to="work.clock",
                    ),
                ),
                (
                    "member",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "outgoing",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="channels.outgoing",
                    ),
                ),
                (
                    "ring",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="notices",
                        to="work.ring",
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name="project",
            constraint=models.UniqueConstraint(
                models.F("contractor"),
                models.F("department"),
                models.F("name"),
                name="project_once",
            ),
        ),
        migrations.AddIndex(
            model_name="item",
            index=models.Index(
                models.F("owner"),
                models.F("due_at"),
                models.F("id"),
                condition=models.Q(("state", "open")),
                name="item_of_owner",
            ),
        ),
        migrations.AddIndex(
            model_name="item",
            index=models.Index(
                models.F("node"),
                models.F("due_at"),
                models.F("id"),
                condition=models.Q(("state", "open")),
                name="item_of_node",
            ),
        ),
        migrations.AddIndex(
            model_name="item",
            index=models.Index(
                models.F("given_from"),
                models.F("due_at"),
                models.F("id"),
                condition=models.Q(("state", "open")),
                name="item_given",
            ),
        ),
        migrations.AddIndex(
            model_name="item",
            index=models.Index(
                models.F("subject_type"), models.F("subject_key"), name="item_of_subject"
            ),
        ),
        migrations.AddIndex(
            model_name="item",
            index=models.Index(
                models.OrderBy(models.F("ended_at"), descending=True),
                models.OrderBy(models.F("id"), descending=True),
                name="item_ended",
            ),
        ),
        migrations.AddConstraint(
            model_name="item",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("ended_at", None), ("state", "open")),
                    models.Q(
                        models.Q(("state", "open"), _negated=True), ("ended_at__isnull", False)
                    ),
                    _connector="OR",
                ),
                name="item_ends_with_its_state",
            ),
        ),
        migrations.AddConstraint(
            model_name="item",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("contractor", None), ("owner", None)),
                    models.Q(("outside", None), ("owner", None)),
                    models.Q(("contractor", None), ("outside", None)),
                    _connector="OR",
                ),
                name="item_has_one_holder",
            ),
        ),
        migrations.AddConstraint(
            model_name="proof",
            constraint=models.UniqueConstraint(
                models.F("item"), models.F("media"), name="proof_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="proof",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("latitude", None), ("longitude", None)),
                    models.Q(
                        ("latitude__gte", -90),
                        ("latitude__lte", 90),
                        ("longitude__gte", -180),
                        ("longitude__lte", 180),
                    ),
                    _connector="OR",
                ),
                name="proof_is_on_earth",
            ),
        ),
        migrations.AddConstraint(
            model_name="ring",
            constraint=models.UniqueConstraint(
                models.F("clock"), models.F("rung"), models.F("due_at"), name="ring_once"
            ),
        ),
        migrations.AddIndex(
            model_name="notice",
            index=models.Index(
                models.F("member"),
                models.F("id"),
                condition=models.Q(("told_at", None)),
                name="notice_to_tell",
            ),
        ),
        migrations.AddIndex(
            model_name="notice",
            index=models.Index(
                models.F("member"),
                models.OrderBy(models.F("told_at"), descending=True),
                name="notice_told",
            ),
        ),
        migrations.AddConstraint(
            model_name="notice",
            constraint=models.UniqueConstraint(
                models.F("clock"),
                models.F("member"),
                models.F("ring"),
                name="notice_once",
                nulls_distinct=False,
            ),
        ),
        protect("work_item", visible=VISIBLE),
        protect("work_proof", visible=OF_A_VISIBLE_ITEM),
        protect("work_link", visible=OF_A_VISIBLE_ITEM),
    ]
