"""Who reads a letter before it is signed."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

from bayan.core.rls import protect

ME = "nullif(current_setting('bayan.member', true), '')::bigint"
# As in 0006; whoever was asked to review it sees it from then on.
LETTER = f"""
author_id = {ME} OR signer_id = {ME}
OR grade = 'public' AND (
    node_id = ANY (ARRAY(SELECT visible_nodes())) OR bodies && ARRAY(SELECT visible_nodes())
)
OR grade = 'restricted' AND node_id = ANY (ARRAY(SELECT headed_nodes()))
OR {ME} = ANY (reviewers)
OR letter_is_to_me(id)
OR EXISTS (SELECT FROM work_item i WHERE i.id = approval_id AND i.owner_id = {ME})
"""
BEFORE = LETTER.replace(f"OR {ME} = ANY (reviewers)\n", "")
OF_A_LETTER = "EXISTS (SELECT FROM correspondence_letter l WHERE l.id = letter_id)"


def policy(visible: str) -> str:
    """The web's policy of letters in place of the one before."""
    return (
        f"ALTER POLICY web_all ON correspondence_letter USING ({visible}) WITH CHECK ({visible});"
    )


class Migration(migrations.Migration):
    dependencies = [
        ("correspondence", "0006_faster_reading"),
        ("people", "0011_quiet"),
        ("work", "0007_declined_and_second"),
    ]

    operations = [
        migrations.AddField(
            model_name="letter",
            name="reviewers",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.BigIntegerField(), db_default=[], default=list, size=None
            ),
        ),
        migrations.AlterField(
            model_name="letter",
            name="state",
            field=models.CharField(
                choices=[
                    ("draft", "draft"),
                    ("reviewing", "under review"),
                    ("review", "waits for signature"),
                    ("returned", "returned for changes"),
                    ("refused", "not signed"),
                    ("sent", "sent"),
                    ("recalled", "recalled"),
                ],
                default="draft",
                max_length=10,
                verbose_name="state",
            ),
        ),
        migrations.CreateModel(
            name="Review",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "hash",
                    models.CharField(max_length=64, verbose_name="hash of what was submitted"),
                ),
                ("asked_at", models.DateTimeField(verbose_name="asked")),
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
                    "letter",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="reviews",
                        to="correspondence.letter",
                    ),
                ),
                (
                    "reviewer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="people.member",
                    ),
                ),
            ],
        ),
        protect("correspondence_review", visible=OF_A_LETTER),
        migrations.RunSQL(policy(LETTER), policy(BEFORE)),
    ]
