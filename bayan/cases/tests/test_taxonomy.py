"""Cases carry the labels that triage gives."""

from bayan.cases.models import Case
from bayan.triage import taxonomy


def test_a_case_knows_every_kind_and_category_and_no_other() -> None:
    assert tuple(Case.Kind.values) == taxonomy.KINDS
    assert tuple(Case.Category.values) == taxonomy.CATEGORIES
