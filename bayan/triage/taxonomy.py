"""The labels that triage gives; their identifiers are stable (docs/triage.md says what each means)."""

KINDS = (
    "complaint", "observation", "suggestion", "enquiry", "praise", "rumour_claim", "spam", "other",
)  # fmt: skip
CATEGORIES = (
    "cleanliness", "roads", "lighting", "storm_water", "water_sewage", "parks_beaches", "food_health",
    "pests", "stray_animals", "building", "commerce", "visual_pollution", "excavation", "public_facilities",
    "safety_hazard", "digital_services", "staff_service", "events", "other",
)  # fmt: skip
SENTIMENTS = ("negative", "neutral", "positive")
URGENCIES = ("emergency", "high", "normal", "low")
INFO_TYPES = (
    "affected_individuals_and_help", "infrastructure_and_utilities_damage",
    "caution_advice_and_crisis_updates", "emotional_support_and_prayers", "opinions_and_criticism",
    "irrelevant",
)  # fmt: skip
LANGUAGES = ("ar", "en", "ar-Latn", "other")
