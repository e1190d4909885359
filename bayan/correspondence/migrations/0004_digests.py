from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models

import bayan.core.models
from bayan.core.rls import protect

# Only which of them is for the reader is asked by the page.
OF_A_LETTER = "EXISTS (SELECT FROM correspondence_letter l WHERE l.id = letter_id)"
OF_A_DIGEST = "EXISTS (SELECT FROM correspondence_digest d WHERE d.id = digest_id)"


class Migration(migrations.Migration):
    dependencies = [
        ("correspondence", "0003_searching"),
        ("people", "0011_quiet"),
    ]

    operations = [
        migrations.CreateModel(
            name="Digest",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("public_id", bayan.core.models.PublicIdField()),
                ("number", models.PositiveSmallIntegerField(verbose_name="number")),
                ("text", models.TextField(verbose_name="text")),
                ("at", models.DateTimeField(verbose_name="sent")),
                ("is_for_all", models.BooleanField(default=True, verbose_name="for all")),
                ("handed_at", models.DateTimeField(null=True, verbose_name="handed over")),
                (
                    "by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="people.member",
                    ),
                ),
                (
                    "letter",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="digests",
                        to="correspondence.letter",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        models.F("letter"), models.F("number"), name="digest_number_once"
                    )
                ],
                "indexes": [
                    models.Index(
                        models.F("id"),
                        condition=models.Q(("handed_at", None)),
                        name="digest_to_hand_over",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="DigestReader",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("told_at", models.DateTimeField(null=True, verbose_name="told")),
                (
                    "digest",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="readers",
                        to="correspondence.digest",
                    ),
                ),
                (
                    "recipient",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="correspondence.recipient",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        models.F("digest"), models.F("recipient"), name="digest_reader_once"
                    )
                ],
            },
        ),
        protect("correspondence_digest", visible=OF_A_LETTER),
        protect("correspondence_digestreader", visible=OF_A_DIGEST),
    ]
