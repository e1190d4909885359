"""Folding of Arabic inside the database (core.arabic says the rules)."""

from django.db import migrations

FOLD = r"""
CREATE FUNCTION fold_arabic(given text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT lower(translate(
        regexp_replace(
            normalize(given, NFKC),
            '[\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06ed\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]',
            '', 'g'
        ),
        'أإآٱىیةؤئکگ٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹',
        'اااايي' || 'هويكك' || '01234567890123456789'
    ))
$$;

-- For likeness: pg_trgm sees ASCII letters only where the database was made with the C locale, as ours is. Each
-- Arabic letter has one of its own, so that nothing becomes alike that was not.
CREATE FUNCTION spelled_in_ascii(given text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT translate(
        public.fold_arabic(given), 'ابتثجحخدذرزسشصضطظعغفقكلمنهويء', 'abtcj75dvrzsx986p3gfqklmnhwy2'
    )
$$;

-- Each word twice: as it is written, and without what is written as one with it.
CREATE FUNCTION words_to_find(given text) RETURNS tsvector
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT to_tsvector('simple', folded || ' ' || regexp_replace(
        folded, '\m(?:[وف]?(?:ال|بال|كال|لل)|[وفبكل])(?=\w{2})', '', 'g'
    ))
    FROM (SELECT regexp_replace(public.fold_arabic(given), '[^\w]+', ' ', 'g') AS folded) AS once
$$;
"""
DROP = """
DROP FUNCTION words_to_find(text);
DROP FUNCTION spelled_in_ascii(text);
DROP FUNCTION fold_arabic(text);
"""


class Migration(migrations.Migration):
    dependencies = [("core", "0001_initial")]

    operations = [migrations.RunSQL(FOLD, DROP)]
