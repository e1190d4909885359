"""How texts of our set and real ones are written: a table. The folder of the real ones is named on the line.

python scripts/compare_sets.py "$BAYAN_DATA"
"""

from __future__ import annotations

import csv
import json
import re
import statistics
import sys
from pathlib import Path

SETS = Path(__file__).parent.parent / "bayan" / "triage" / "sets"
ARABIC = re.compile(r"[\u0621-\u064a]+")
MARKS = re.compile(r"[.,،؛;:!?؟]")
EMOJI = re.compile("[\u2600-\u27bf\U0001f300-\U0001faff]")
STRETCHED = re.compile(r"(\w)\1\1")
# Words that are spelled with a hamza or ta marbuta where they are spelled with care, and as many write them.
CARELESS = re.compile(
    r"(?<!\w)(?:ان|انا|انت|اي|او|الى|اذا|امس|اكثر|احد|اهل|اول|مره|سنه|مدينه|حاجه|سياره)(?!\w)"
)
CAREFUL = re.compile(
    r"(?<!\w)(?:أن|أنا|أنت|أي|أو|إلى|إذا|أمس|أكثر|أحد|أهل|أول|مرة|سنة|مدينة|حاجة|سيارة)(?!\w)"
)
_DIALECT = """
وش ليش وين ايش إيش عشان علشان مو مب ماهو موب هالحين الحين ذحين دحين ابي أبي ابغى أبغى نبي نبغى تكفون تكفى لين
للحين عندنا عندكم حنا احنا اللي هذولا كذا كذيا زي مره مرة وايد واجد شوي بس لسا لسه يا ليت ياليت طيب خلاص قاعد
قاعدين جالس يبي يبغى راح محد ماحد ودي ودنا شلون كيفكم هالشي
"""
DIALECT = frozenset(_DIALECT.split())


def figures(texts: list[str]) -> list[str]:
    """What the table says of these texts."""
    lengths = sorted(len(text.split()) for text in texts)
    arabic = [text for text in texts if ARABIC.search(text)]
    careless = sum(len(CARELESS.findall(text)) for text in arabic)
    careful = sum(len(CAREFUL.findall(text)) for text in arabic)
    words = sum(len(text.split()) for text in arabic)
    dialect = sum(word in DIALECT for text in arabic for word in text.split())

    def share(pattern: re.Pattern[str], *, without: bool = False) -> str:
        number = sum(bool(pattern.search(text)) != without for text in texts)
        return f"{100 * number / len(texts):.0f} %"

    quarters = statistics.quantiles(lengths, n=4)
    return [
        f"{len(texts):,}",
        f"{quarters[0]:.0f}, {quarters[1]:.0f}, {quarters[2]:.0f}",
        share(MARKS, without=True),
        share(EMOJI),
        share(STRETCHED),
        f"{100 * careless / max(1, careless + careful):.0f} %",
        f"{100 * dialect / max(1, words):.1f}",
    ]


def main() -> None:
    data = Path(sys.argv[1])
    columns: dict[str, list[str]] = {}
    for part in ("train", "test"):
        rows = [json.loads(line) for line in (SETS / f"{part}.jsonl").read_text().splitlines()]
        columns[f"ours, {part}"] = [row["text"] for row in rows if row["lang"] == "ar"]
    with (data / "saudi_irony" / "SaudiIrony.csv").open(encoding="utf-8-sig", newline="") as file:
        columns["Saudi tweets"] = [
            row["Tweets with Decoded emojis"] for row in csv.DictReader(file)
        ]
    with (data / "arsarcasm_v2" / "training_data.csv").open(encoding="utf-8", newline="") as file:
        columns["Gulf tweets"] = [
            r["tweet"] for r in csv.DictReader(file) if r["dialect"] == "gulf"
        ]
    with (data / "saudi_tourism_reviews" / "reviews.csv").open(
        encoding="utf-8", newline=""
    ) as file:
        columns["Saudi reviews"] = [
            r["div_text"] or "" for r in csv.DictReader(file, delimiter=";")
        ]
    names = (
        "texts", "words: quartiles", "no punctuation at all", "with emoji", "with a stretched letter",
        "written without hamza or ة", "dialect words in 100",
    )  # fmt: skip
    table = {name: figures(texts) for name, texts in columns.items()}
    print("| | " + " | ".join(table) + " |")
    print("|---" * (len(table) + 1) + "|")
    for number, name in enumerate(names):
        print(f"| {name} | " + " | ".join(cells[number] for cells in table.values()) + " |")


if __name__ == "__main__":
    main()
