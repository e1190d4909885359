"""A tiny authority's gazetteer, to be broken line by line."""

from pathlib import Path

ORGANISATION = """
[authority]
key = "tiny"
name_ar = "أمانة صغيرة"
name_en = "A small authority"

[[bodies]]
key = "only"
kind = "municipality"
parent = "tiny"
name_ar = "بلدية وحيدة"
name_en = "The only municipality"

[[outside]]
key = "neighbour"
name_ar = "أمانة مجاورة"
name_en = "The neighbour"
"""
HEAD = "key,name_ar,name_en,variants,latitude,longitude,parent,owner,owner_since,outside,source,certainty"
SOURCES = "prefix,name,licence\nown,Own survey,CC0\n"
GOVERNORATES = f"{HEAD}\nvalley,محافظة الوادي,The Valley,,10.5,20.5,,,,,own:1,confirmed\n"
CITIES = (
    f"{HEAD}\nspring,العين,The Spring,عين | Ayn,10.5,20.5,valley,only,2020-01-02,,own:2,probable\n"
)
DISTRICTS = (
    f"{HEAD}\n"
    "spring-east,الشرقي,East,,10.51,20.56,spring,only,,,own:3,confirmed\n"
    "spring-west,الغربي,West,,10.51,20.44,spring,,,neighbour,own:4,confirmed\n"
)
SQUARE = (
    '{"type": "FeatureCollection", "features": [{"type": "Feature", "properties": {"key": "valley"}, '
    '"geometry": {"type": "MultiPolygon", '
    '"coordinates": [[[[20.4, 10.4], [20.6, 10.4], [20.6, 10.6], [20.4, 10.6], [20.4, 10.4]]]]}}]}'
)


def write_pack(folder: Path, **files: str) -> Path:
    """The pack, with the named files of `places` written otherwise: `cities=…`."""
    places = folder / "places"
    places.mkdir(exist_ok=True)
    (folder / "organisation.toml").write_text(ORGANISATION, encoding="utf-8")
    (folder / "outlines.json").write_text(files.pop("outlines", SQUARE), encoding="utf-8")
    texts = {
        "sources": SOURCES,
        "governorates": GOVERNORATES,
        "cities": CITIES,
        "districts": DISTRICTS,
    } | files
    for name, text in texts.items():
        (places / f"{name}.csv").write_text(text, encoding="utf-8")
    return folder
