"""Stories, journalists and what was sent to them; a body sees its own, the authority all."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.uuid
from django.conf import settings
from django.db import migrations, models

import bayan.core.models
from bayan.core.rls import protect

OF_A_STORY = "EXISTS (SELECT FROM press_story s WHERE s.id = story_id)"
OF_A_LIST = "EXISTS (SELECT FROM press_presslist l WHERE l.id = presslist_id)"
OF_A_RELEASE = "EXISTS (SELECT FROM press_release r WHERE r.id = release_id)"
OF_A_COPY = "EXISTS (SELECT FROM press_copy c WHERE c.id = copy_id)"


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("channels", "0013_work_templates"),
        ("organisation", "0002_outside_bodies"),
        ("people", "0009_language"),
        ("work", "0002_person"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Copy",
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
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "waiting"),
                            ("queued", "handed over"),
                            ("left_out", "not reached"),
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
                            ("no_whatsapp", "no WhatsApp"),
                            ("not_agreed", "has not agreed to get our news"),
                            ("opted_out", "wants no messages"),
                            ("excepted", "left out by hand"),
                            ("no_template", "no approved template to begin with"),
                            ("withdrawn", "withdrawn before it left"),
                        ],
                        max_length=12,
                        verbose_name="reason",
                    ),
                ),
                ("is_by_template", models.BooleanField(default=False, verbose_name="by template")),
                ("opens", models.PositiveIntegerField(default=0, verbose_name="times opened")),
                ("downloads", models.PositiveIntegerField(default=0, verbose_name="files fetched")),
                ("opened_at", models.DateTimeField(null=True, verbose_name="first opened")),
                (
                    "contact",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="people.contact",
                    ),
                ),
                (
                    "outgoing",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="channels.outgoing",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="CopyLink",
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
                ("withdrawn_at", models.DateTimeField(null=True, verbose_name="withdrawn")),
                (
                    "copy",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="links",
                        to="press.copy",
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
            name="Journalist",
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
                ("name", models.CharField(max_length=120, verbose_name="name")),
                ("beat", models.CharField(blank=True, max_length=120, verbose_name="beat")),
                (
                    "phone",
                    models.CharField(blank=True, max_length=20, verbose_name="mobile (WhatsApp)"),
                ),
                ("email", models.EmailField(blank=True, max_length=254, verbose_name="e-mail")),
                ("language", models.CharField(default="ar", max_length=2, verbose_name="language")),
                ("agreed_at", models.DateTimeField(null=True, verbose_name="agreed")),
                ("notes", models.TextField(blank=True, verbose_name="notes")),
                (
                    "last_contacted_at",
                    models.DateTimeField(null=True, verbose_name="last written to"),
                ),
                ("created_at", models.DateTimeField(verbose_name="added")),
                (
                    "ended_at",
                    models.DateTimeField(null=True, verbose_name="no longer in the register since"),
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
        migrations.AddField(
            model_name="copy",
            name="journalist",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="copies",
                to="press.journalist",
            ),
        ),
        migrations.CreateModel(
            name="Outlet",
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
                ("name", models.CharField(max_length=120, verbose_name="name")),
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
        migrations.AddField(
            model_name="journalist",
            name="outlet",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="journalists",
                to="press.outlet",
            ),
        ),
        migrations.CreateModel(
            name="PressList",
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
                ("name", models.CharField(max_length=80, verbose_name="name")),
                (
                    "journalists",
                    models.ManyToManyField(related_name="lists", to="press.journalist"),
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
            name="Release",
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
                    "lists",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=80),
                        default=list,
                        verbose_name="lists",
                    ),
                ),
                ("version", models.CharField(max_length=64, verbose_name="version")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("running", "being sent"),
                            ("paused", "paused"),
                            ("finished", "sent"),
                            ("withdrawn", "withdrawn"),
                        ],
                        default="running",
                        max_length=10,
                        verbose_name="state",
                    ),
                ),
                ("not_before", models.DateTimeField(verbose_name="not before")),
                ("links_until", models.DateTimeField(verbose_name="links good until")),
                ("started_at", models.DateTimeField(verbose_name="started")),
                ("finished_at", models.DateTimeField(null=True, verbose_name="finished")),
                ("withdrawn_at", models.DateTimeField(null=True, verbose_name="withdrawn")),
                ("forgotten_at", models.DateTimeField(null=True, verbose_name="words forgotten")),
                (
                    "node",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="organisation.node",
                    ),
                ),
                (
                    "sent_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "template",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="channels.template",
                    ),
                ),
            ],
        ),
        migrations.AddField(
            model_name="copy",
            name="release",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="copies",
                to="press.release",
            ),
        ),
        migrations.CreateModel(
            name="Story",
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
                    "source",
                    models.CharField(
                        choices=[("whatsapp", "WhatsApp"), ("page", "the page")],
                        max_length=10,
                        verbose_name="came by",
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("draft", "draft"),
                            ("submitted", "received"),
                            ("in_review", "in review"),
                            ("returned", "returned for completion"),
                            ("accepted", "accepted"),
                            ("sent", "sent to journalists"),
                            ("published", "published"),
                            ("declined", "not accepted"),
                            ("withdrawn", "withdrawn"),
                        ],
                        default="draft",
                        max_length=10,
                        verbose_name="state",
                    ),
                ),
                ("title", models.CharField(blank=True, max_length=140, verbose_name="title")),
                ("text", models.TextField(blank=True, verbose_name="text")),
                ("parts", models.JSONField(default=list, verbose_name="messages")),
                (
                    "edited_title",
                    models.CharField(blank=True, max_length=140, verbose_name="edited title"),
                ),
                ("edited_text", models.TextField(blank=True, verbose_name="edited text")),
                (
                    "shows_people",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("", "not said"),
                            ("none", "nobody can be recognised"),
                            ("agreed", "those shown have agreed"),
                            ("not_agreed", "those shown were not asked"),
                        ],
                        max_length=10,
                        verbose_name="people in the pictures",
                    ),
                ),
                ("publish_by", models.DateField(null=True, verbose_name="wanted by")),
                ("embargo_until", models.DateTimeField(null=True, verbose_name="embargoed until")),
                (
                    "is_open_early",
                    models.BooleanField(
                        default=False, verbose_name="material open before the embargo ends"
                    ),
                ),
                (
                    "weight",
                    models.CharField(
                        choices=[
                            ("routine", "routine"),
                            ("important", "important"),
                            ("statement", "statement"),
                        ],
                        default="routine",
                        max_length=10,
                        verbose_name="weight",
                    ),
                ),
                ("reason", models.TextField(blank=True, verbose_name="reason")),
                ("remark", models.TextField(blank=True, verbose_name="remark of the approver")),
                (
                    "approved_version",
                    models.CharField(blank=True, max_length=64, verbose_name="approved version"),
                ),
                ("approved_at", models.DateTimeField(null=True, verbose_name="approved")),
                ("created_at", models.DateTimeField(verbose_name="begun")),
                ("submitted_at", models.DateTimeField(null=True, verbose_name="submitted")),
                ("changed_at", models.DateTimeField(verbose_name="last step")),
                (
                    "gathers_until",
                    models.DateTimeField(null=True, verbose_name="takes messages until"),
                ),
                ("sums_at", models.DateTimeField(null=True, verbose_name="counts to be told")),
                ("asks_at", models.DateTimeField(null=True, verbose_name="sender to be asked")),
                ("unsaid_since", models.DateTimeField(null=True, verbose_name="not told since")),
                (
                    "editor",
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
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="organisation.node",
                    ),
                ),
                (
                    "sender",
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
            model_name="release",
            name="story",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="releases",
                to="press.story",
            ),
        ),
        migrations.CreateModel(
            name="Publication",
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
                ("outlet", models.CharField(max_length=120, verbose_name="outlet")),
                ("address", models.URLField(max_length=500, verbose_name="address")),
                ("at", models.DateTimeField(verbose_name="added")),
                (
                    "added_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "story",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="publications",
                        to="press.story",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Approval",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("version", models.CharField(max_length=64, verbose_name="version")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("asked", "asked"),
                            ("given", "approved"),
                            ("returned", "returned for changes"),
                            ("refused", "not approved"),
                            ("stale", "withdrawn: the story was changed"),
                        ],
                        default="asked",
                        max_length=10,
                        verbose_name="state",
                    ),
                ),
                ("asked_at", models.DateTimeField(verbose_name="asked")),
                ("ended_at", models.DateTimeField(null=True, verbose_name="ended")),
                (
                    "approver",
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
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="work.item",
                    ),
                ),
                (
                    "story",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="approvals",
                        to="press.story",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="StoryFile",
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
                ("caption", models.CharField(blank=True, max_length=500, verbose_name="caption")),
                (
                    "position",
                    models.PositiveSmallIntegerField(default=0, verbose_name="place in the order"),
                ),
                (
                    "is_chosen",
                    models.BooleanField(default=True, verbose_name="goes to journalists"),
                ),
                (
                    "external_id",
                    models.CharField(blank=True, max_length=160, verbose_name="message"),
                ),
                ("sent_at", models.DateTimeField(verbose_name="sent")),
                (
                    "is_compared",
                    models.BooleanField(default=False, verbose_name="held against the others"),
                ),
                (
                    "media",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="channels.media",
                    ),
                ),
                (
                    "story",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="files",
                        to="press.story",
                    ),
                ),
                (
                    "twin",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="press.storyfile",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="StoryNews",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "step",
                    models.CharField(
                        choices=[
                            ("draft", "draft"),
                            ("submitted", "received"),
                            ("in_review", "in review"),
                            ("returned", "returned for completion"),
                            ("accepted", "accepted"),
                            ("sent", "sent to journalists"),
                            ("published", "published"),
                            ("declined", "not accepted"),
                            ("withdrawn", "withdrawn"),
                        ],
                        max_length=10,
                        verbose_name="step",
                    ),
                ),
                ("words", models.TextField(blank=True, verbose_name="words")),
                ("at", models.DateTimeField(verbose_name="at")),
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
                    "story",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="news",
                        to="press.story",
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name="outlet",
            constraint=models.UniqueConstraint(
                models.F("node"), models.F("name"), name="outlet_once"
            ),
        ),
        migrations.AddIndex(
            model_name="journalist",
            index=models.Index(
                models.F("node"), models.F("name"), models.F("id"), name="journalist_of_node"
            ),
        ),
        migrations.AddConstraint(
            model_name="journalist",
            constraint=models.UniqueConstraint(
                models.F("node"),
                models.F("phone"),
                condition=models.Q(("phone", ""), _negated=True),
                name="journalist_phone_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="presslist",
            constraint=models.UniqueConstraint(
                models.F("node"), models.F("name"), name="press_list_once"
            ),
        ),
        migrations.AddIndex(
            model_name="copy",
            index=models.Index(
                models.F("release"), models.F("state"), models.F("id"), name="copy_of_release"
            ),
        ),
        migrations.AddConstraint(
            model_name="copy",
            constraint=models.UniqueConstraint(
                models.F("release"), models.F("journalist"), name="copy_once"
            ),
        ),
        migrations.AddIndex(
            model_name="story",
            index=models.Index(
                models.F("node"),
                models.OrderBy(models.F("changed_at"), descending=True),
                models.OrderBy(models.F("id"), descending=True),
                name="story_of_node",
            ),
        ),
        migrations.AddIndex(
            model_name="story",
            index=models.Index(
                models.F("state"),
                models.OrderBy(models.F("changed_at"), descending=True),
                models.OrderBy(models.F("id"), descending=True),
                name="story_of_state",
            ),
        ),
        migrations.AddIndex(
            model_name="story",
            index=models.Index(
                models.F("sums_at"),
                condition=models.Q(("sums_at__isnull", False)),
                name="story_to_sum",
            ),
        ),
        migrations.AddIndex(
            model_name="story",
            index=models.Index(
                models.F("asks_at"),
                condition=models.Q(("asks_at__isnull", False)),
                name="story_to_ask",
            ),
        ),
        migrations.AddIndex(
            model_name="story",
            index=models.Index(
                models.F("gathers_until"),
                condition=models.Q(("gathers_until__isnull", False)),
                name="story_gathers",
            ),
        ),
        migrations.AddConstraint(
            model_name="story",
            constraint=models.UniqueConstraint(
                models.F("sender"),
                condition=models.Q(("gathers_until__isnull", False)),
                name="story_one_gathers",
            ),
        ),
        migrations.AddConstraint(
            model_name="story",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("state", "draft"),
                    ("state", "withdrawn"),
                    ("submitted_at__isnull", False),
                    _connector="OR",
                ),
                name="story_submitted_with_its_state",
            ),
        ),
        migrations.AddIndex(
            model_name="release",
            index=models.Index(
                models.F("id"), condition=models.Q(("state", "running")), name="release_running"
            ),
        ),
        migrations.AddIndex(
            model_name="release",
            index=models.Index(
                models.F("finished_at"),
                condition=models.Q(("forgotten_at", None)),
                name="release_to_forget",
            ),
        ),
        migrations.AddConstraint(
            model_name="publication",
            constraint=models.UniqueConstraint(
                models.F("story"), models.F("address"), name="publication_once"
            ),
        ),
        migrations.AddIndex(
            model_name="storyfile",
            index=models.Index(
                models.F("id"),
                condition=models.Q(("is_compared", False)),
                name="story_file_to_compare",
            ),
        ),
        migrations.AddConstraint(
            model_name="storyfile",
            constraint=models.UniqueConstraint(
                models.F("story"), models.F("media"), name="story_file_once"
            ),
        ),
        migrations.AddIndex(
            model_name="storynews",
            index=models.Index(
                models.F("id"), condition=models.Q(("told_at", None)), name="story_news_to_tell"
            ),
        ),
        protect("press_story"),
        protect("press_outlet"),
        protect("press_journalist"),
        protect("press_presslist"),
        protect("press_release"),
        *(
            protect(f"press_{table}", visible=OF_A_STORY)
            for table in ("storyfile", "storynews", "approval", "publication")
        ),
        protect("press_presslist_journalists", visible=OF_A_LIST),
        protect("press_copy", visible=OF_A_RELEASE),
        protect("press_copylink", visible=OF_A_COPY),
    ]
