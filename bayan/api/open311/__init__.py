"""Open311 GeoReport v2: services, reports and what became of them, for apps of others (docs/open311.md)."""
