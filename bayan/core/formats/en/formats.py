"""How English pages write dates and times: the day before the month, as in the Kingdom."""

DATE_FORMAT = "j F Y"
TIME_FORMAT = "g:i\u00a0A"
DATETIME_FORMAT = "j F Y, g:i\u00a0A"
MONTH_DAY_FORMAT = "j F"
YEAR_MONTH_FORMAT = "F Y"
SHORT_DATE_FORMAT = "j M Y"
SHORT_DATETIME_FORMAT = "j M Y, g:i\u00a0A"
FIRST_DAY_OF_WEEK = 0
DECIMAL_SEPARATOR = "."
THOUSAND_SEPARATOR = ","
NUMBER_GROUPING = 3
