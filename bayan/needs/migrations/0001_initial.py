"""Requests with their forms; things, bookings, outages and what came and went."""

import django.db.models.deletion
import django.db.models.functions.uuid
import django.db.models.lookups
from django.conf import settings
from django.db import migrations, models

import bayan.core.models
import bayan.needs.models.asking


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("channels", "0013_work_templates"),
        ("organisation", "0002_outside_bodies"),
        ("work", "0002_person"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Form",
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
                ("key", models.SlugField(max_length=60, unique=True, verbose_name="key")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("coverage", "coverage and photography"),
                            ("design", "design"),
                            ("printing", "printing"),
                            ("translation", "translation"),
                            ("vehicle", "vehicle"),
                            ("equipment", "equipment"),
                            ("other", "other"),
                        ],
                        max_length=20,
                        verbose_name="kind",
                    ),
                ),
                ("position", models.PositiveSmallIntegerField(default=0, verbose_name="position")),
                ("is_on", models.BooleanField(default=True, verbose_name="offered")),
                (
                    "provider",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="organisation.node",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="FormVersion",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.PositiveSmallIntegerField(verbose_name="version")),
                ("name_ar", models.CharField(max_length=80, verbose_name="name in Arabic")),
                (
                    "name_en",
                    models.CharField(blank=True, max_length=80, verbose_name="name in English"),
                ),
                (
                    "help_ar",
                    models.CharField(blank=True, max_length=200, verbose_name="help in Arabic"),
                ),
                (
                    "help_en",
                    models.CharField(blank=True, max_length=200, verbose_name="help in English"),
                ),
                ("fields", models.JSONField(verbose_name="fields")),
                ("made_at", models.DateTimeField(verbose_name="made")),
                (
                    "form",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="versions",
                        to="needs.form",
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
        migrations.AddField(
            model_name="form",
            name="version",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="needs.formversion",
            ),
        ),
        migrations.CreateModel(
            name="Need",
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
                ("reference", models.CharField(max_length=9, unique=True, verbose_name="number")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("coverage", "coverage and photography"),
                            ("design", "design"),
                            ("printing", "printing"),
                            ("translation", "translation"),
                            ("vehicle", "vehicle"),
                            ("equipment", "equipment"),
                            ("other", "other"),
                        ],
                        max_length=20,
                        verbose_name="kind",
                    ),
                ),
                ("title", models.CharField(max_length=140, verbose_name="subject")),
                ("answers", models.JSONField(default=dict, verbose_name="answers")),
                ("quantity", models.PositiveIntegerField(default=1, verbose_name="asked")),
                ("starts_at", models.DateTimeField(null=True, verbose_name="needed from")),
                ("ends_at", models.DateTimeField(null=True, verbose_name="needed until")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("asked", "asked"),
                            ("review", "under review"),
                            ("granted", "granted"),
                            ("partly", "granted in part"),
                            ("refused", "not granted"),
                            ("provided", "provided"),
                            ("confirmed", "received"),
                            ("withdrawn", "withdrawn"),
                        ],
                        default="asked",
                        max_length=10,
                        verbose_name="state",
                    ),
                ),
                ("asked_at", models.DateTimeField(verbose_name="asked")),
                ("decided_at", models.DateTimeField(null=True, verbose_name="decided")),
                ("reason", models.CharField(blank=True, max_length=500, verbose_name="reason")),
                ("granted", models.PositiveIntegerField(null=True, verbose_name="granted")),
                ("due_at", models.DateTimeField(null=True, verbose_name="due")),
                ("provided", models.PositiveIntegerField(null=True, verbose_name="provided")),
                ("provided_at", models.DateTimeField(null=True, verbose_name="provided")),
                ("ended_at", models.DateTimeField(null=True, verbose_name="ended")),
                (
                    "asked_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "decided_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "item",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="work.item",
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
                    "provider",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="organisation.node",
                    ),
                ),
                (
                    "version",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="needs",
                        to="needs.formversion",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Attachment",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("field", models.CharField(max_length=20, verbose_name="field")),
                (
                    "media",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="channels.media",
                    ),
                ),
                (
                    "need",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="attachments",
                        to="needs.need",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Step",
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
                            ("asked", "asked"),
                            ("review", "under review"),
                            ("granted", "granted"),
                            ("partly", "granted in part"),
                            ("refused", "not granted"),
                            ("provided", "provided"),
                            ("confirmed", "received"),
                            ("withdrawn", "withdrawn"),
                        ],
                        max_length=10,
                        verbose_name="state",
                    ),
                ),
                ("words", models.CharField(blank=True, max_length=1000, verbose_name="words")),
                ("by_name", models.CharField(blank=True, max_length=120, verbose_name="who")),
                ("at", models.DateTimeField(verbose_name="at")),
                ("tell_at", models.DateTimeField(null=True, verbose_name="to tell")),
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
                    "by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "need",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="steps",
                        to="needs.need",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Thing",
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
                ("key", models.SlugField(blank=True, max_length=60, verbose_name="key")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("camera", "photography"),
                            ("drone", "drone"),
                            ("sound", "sound and screens"),
                            ("vehicle", "vehicle"),
                            ("hall", "hall"),
                            ("printed", "printed matter"),
                            ("giveaway", "giveaways"),
                            ("other", "other"),
                        ],
                        max_length=10,
                        verbose_name="kind",
                    ),
                ),
                ("name_ar", models.CharField(max_length=80, verbose_name="name in Arabic")),
                (
                    "name_en",
                    models.CharField(blank=True, max_length=80, verbose_name="name in English"),
                ),
                (
                    "note",
                    models.CharField(blank=True, max_length=300, verbose_name="what belongs to it"),
                ),
                ("is_consumable", models.BooleanField(default=False, verbose_name="is used up")),
                ("stock", models.PositiveIntegerField(verbose_name="stock")),
                ("low_at", models.PositiveIntegerField(default=0, verbose_name="low from")),
                (
                    "buffer_minutes",
                    models.PositiveSmallIntegerField(
                        default=0, verbose_name="minutes between bookings"
                    ),
                ),
                ("ended_at", models.DateTimeField(null=True, verbose_name="no longer there since")),
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
            name="Outage",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("count", models.PositiveIntegerField(default=1, verbose_name="how many")),
                ("starts_at", models.DateTimeField(verbose_name="from")),
                ("ends_at", models.DateTimeField(verbose_name="until")),
                ("reason", models.CharField(max_length=200, verbose_name="reason")),
                ("made_at", models.DateTimeField(verbose_name="made")),
                (
                    "made_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "thing",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="outages",
                        to="needs.thing",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Movement",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("count", models.IntegerField(verbose_name="how many")),
                ("words", models.CharField(blank=True, max_length=200, verbose_name="what for")),
                ("at", models.DateTimeField(verbose_name="at")),
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
                    "node",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="organisation.node",
                    ),
                ),
                (
                    "need",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="movements",
                        to="needs.need",
                    ),
                ),
                (
                    "thing",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="movements",
                        to="needs.thing",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Booking",
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
                ("count", models.PositiveIntegerField(default=1, verbose_name="how many")),
                ("starts_at", models.DateTimeField(verbose_name="from")),
                ("ends_at", models.DateTimeField(verbose_name="until")),
                ("purpose", models.CharField(blank=True, max_length=140, verbose_name="what for")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("booked", "booked"),
                            ("out", "handed out"),
                            ("returned", "returned"),
                            ("cancelled", "cancelled"),
                        ],
                        default="booked",
                        max_length=10,
                        verbose_name="state",
                    ),
                ),
                ("booked_at", models.DateTimeField(verbose_name="booked")),
                ("out_at", models.DateTimeField(null=True, verbose_name="handed out")),
                (
                    "out_note",
                    models.CharField(
                        blank=True, max_length=300, verbose_name="condition when handed out"
                    ),
                ),
                ("back_at", models.DateTimeField(null=True, verbose_name="came back")),
                (
                    "condition",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("good", "in good order"),
                            ("damaged", "damaged"),
                            ("missing", "missing"),
                        ],
                        max_length=10,
                        verbose_name="condition when it came back",
                    ),
                ),
                (
                    "back_note",
                    models.CharField(blank=True, max_length=300, verbose_name="what was noted"),
                ),
                ("reason", models.CharField(blank=True, max_length=300, verbose_name="reason")),
                ("ended_at", models.DateTimeField(null=True, verbose_name="ended")),
                ("tell_at", models.DateTimeField(null=True, verbose_name="to tell")),
                ("told_at", models.DateTimeField(null=True, verbose_name="told")),
                (
                    "back_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "booked_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "lender",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="organisation.node",
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
                    "out_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "need",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="bookings",
                        to="needs.need",
                    ),
                ),
                (
                    "thing",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="bookings",
                        to="needs.thing",
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name="formversion",
            constraint=models.UniqueConstraint(
                models.F("form"), models.F("number"), name="form_version_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="formversion",
            constraint=models.CheckConstraint(
                condition=django.db.models.lookups.LessThanOrEqual(
                    bayan.needs.models.asking.Length("fields"), 6
                ),
                name="form_version_fits_a_phone",
            ),
        ),
        migrations.AddIndex(
            model_name="need",
            index=models.Index(
                models.F("node"),
                models.OrderBy(models.F("asked_at"), descending=True),
                models.OrderBy(models.F("id"), descending=True),
                name="need_of_node",
            ),
        ),
        migrations.AddIndex(
            model_name="need",
            index=models.Index(
                models.F("provider"),
                models.OrderBy(models.F("asked_at"), descending=True),
                models.OrderBy(models.F("id"), descending=True),
                name="need_of_provider",
            ),
        ),
        migrations.AddIndex(
            model_name="need",
            index=models.Index(
                models.OrderBy(models.F("asked_at"), descending=True),
                models.OrderBy(models.F("id"), descending=True),
                name="need_asked",
            ),
        ),
        migrations.AddIndex(
            model_name="need",
            index=models.Index(
                models.F("item"), condition=models.Q(("item__isnull", False)), name="need_of_item"
            ),
        ),
        migrations.AddConstraint(
            model_name="need",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        models.Q(("state", "refused"), _negated=True),
                        models.Q(("state", "partly"), _negated=True),
                    ),
                    models.Q(("reason", ""), _negated=True),
                    _connector="OR",
                ),
                name="need_less_than_asked_has_a_reason",
            ),
        ),
        migrations.AddConstraint(
            model_name="need",
            constraint=models.CheckConstraint(
                condition=models.Q(("quantity__gt", 0)), name="need_asks_for_something"
            ),
        ),
        migrations.AddConstraint(
            model_name="need",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("granted", None), ("granted__lte", models.F("quantity")), _connector="OR"
                ),
                name="need_grants_no_more_than_asked",
            ),
        ),
        migrations.AddConstraint(
            model_name="need",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("ends_at", None), ("ends_at__gt", models.F("starts_at")), _connector="OR"
                ),
                name="need_ends_after_it_starts",
            ),
        ),
        migrations.AddIndex(
            model_name="step",
            index=models.Index(
                models.F("tell_at"),
                condition=models.Q(("tell_at__isnull", False), ("told_at", None)),
                name="need_step_to_tell",
            ),
        ),
        migrations.AddConstraint(
            model_name="thing",
            constraint=models.UniqueConstraint(
                models.F("key"),
                condition=models.Q(("key", ""), _negated=True),
                name="thing_key_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="outage",
            constraint=models.CheckConstraint(
                condition=models.Q(("ends_at__gt", models.F("starts_at"))),
                name="outage_ends_after_it_starts",
            ),
        ),
        migrations.AddConstraint(
            model_name="outage",
            constraint=models.CheckConstraint(
                condition=models.Q(("count__gt", 0)), name="outage_of_something"
            ),
        ),
        migrations.AddIndex(
            model_name="movement",
            index=models.Index(
                models.F("thing"),
                models.OrderBy(models.F("at"), descending=True),
                name="movement_of_thing",
            ),
        ),
        migrations.AddConstraint(
            model_name="movement",
            constraint=models.CheckConstraint(
                condition=models.Q(("count", 0), _negated=True), name="movement_of_something"
            ),
        ),
        migrations.AddIndex(
            model_name="booking",
            index=models.Index(models.F("thing"), models.F("starts_at"), name="booking_of_thing"),
        ),
        migrations.AddIndex(
            model_name="booking",
            index=models.Index(models.F("starts_at"), models.F("id"), name="booking_starts"),
        ),
        migrations.AddIndex(
            model_name="booking",
            index=models.Index(
                models.F("tell_at"),
                condition=models.Q(("tell_at__isnull", False), ("told_at", None)),
                name="booking_to_tell",
            ),
        ),
        migrations.AddConstraint(
            model_name="booking",
            constraint=models.CheckConstraint(
                condition=models.Q(("ends_at__gt", models.F("starts_at"))),
                name="booking_ends_after_it_starts",
            ),
        ),
        migrations.AddConstraint(
            model_name="booking",
            constraint=models.CheckConstraint(
                condition=models.Q(("count__gt", 0)), name="booking_of_something"
            ),
        ),
        migrations.AddConstraint(
            model_name="booking",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "returned"), _negated=True),
                    models.Q(("condition", ""), _negated=True),
                    _connector="OR",
                ),
                name="booking_comes_back_in_some_condition",
            ),
        ),
    ]
