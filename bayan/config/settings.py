"""Django's settings: one file for every instance; what differs comes from the environment."""

import sys
from pathlib import Path
from typing import Any

from django.utils.csp import CSP

from bayan.config import logs
from bayan.config.environment import (
    LOGIN,
    OWNER,
    PROJECT_DIR,
    WORKER,
    ConfigurationMissing,
    environment,
)

DEBUG = False
IS_DEMO = environment.is_demo
# Where members open what messages to them lead to.
PUBLIC_URL = environment.public_url
# Whether the list of requests is read without a key (api.open311).
OPEN311_IS_PUBLIC = environment.publishes_requests
# An answer to more people than this is read twice (cases.services.answering).
ANSWER_READ_TWICE = environment.answer_read_twice
SECRET_KEY = environment.secret("django_key")
# Encrypts what the database keeps for us of others: app secrets, access tokens.
FIELD_KEY = environment.secret("field_key")
ALLOWED_HOSTS = environment.allowed_hosts
# A pasted list of a hundred thousand recipients; files are written to disk and have limits of their own.
DATA_UPLOAD_MAX_MEMORY_SIZE = 12 * 1024 * 1024


def _of_pack(name: str) -> Path | None:
    try:
        return environment.authority_dir / name
    except ConfigurationMissing:
        # Commands that need no authority must still run; the others say what is missing.
        return None


# The authority pack, and the model by which triage reads messages (`bayan train`).
AUTHORITY_DIR = _of_pack("")
MODEL_DIR = environment.model_dir
# The other model that is asked for a second opinion, if the operator has named one (cases.services.second).
TRIAGE_ENDPOINT = environment.triage_endpoint
# The coast and places of the authority's region, if its pack has them (scripts/region-map.mjs).
MAP_FILE = _of_pack("map.json")
# When the authority works, if its pack says so (core.calendar).
CALENDAR_FILE = _of_pack("calendar.toml")
# Within what time a case is due, if its pack says so (cases.due).
CASES_FILE = _of_pack("cases.toml")
# When the silent are reminded and chased, if its pack says so (work.ladders).
WORK_FILE = _of_pack("work.toml")
# How long what is kept, if its pack says so (retention.periods).
RETENTION_FILE = _of_pack("retention.toml")
# Its colours, if its pack has any (organisation.brand).
BRAND_FILE = _of_pack("brand.toml")
ROOT_URLCONF = "bayan.config.urls"
ASGI_APPLICATION = "bayan.config.asgi.application"
AUTH_USER_MODEL = "people.Member"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "bayan.config",
    "bayan.demo",
    "bayan.portal",
    "bayan.desk",
    "bayan.api",
    "bayan.intake",
    "bayan.meetings",
    "bayan.needs",
    "bayan.press",
    "bayan.cases",
    "bayan.work",
    "bayan.correspondence",
    "bayan.retention",
    "bayan.mandates",
    "bayan.inbox",
    "bayan.channels",
    "bayan.people",
    "bayan.places",
    "bayan.organisation",
    "bayan.core",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "django_htmx",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.staticfiles",
]

MIDDLEWARE = [
    "bayan.core.middleware.request_id",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "bayan.core.middleware.chosen_language",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "bayan.core.notices.said_with_fragments",
    "bayan.people.middleware.one_transaction_per_request",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.messages.context_processors.messages",
                "bayan.people.context.staff",
                "bayan.channels.context.alarm",
                "bayan.cases.surge.band.context",
            ],
            "builtins": [
                "django.templatetags.i18n",
                "django.templatetags.static",
                "bayan.core.templatetags.bayan",
            ],
        },
    }
]


def _database() -> dict[str, Any]:
    role = environment.database_role
    user, password = (
        (OWNER, "database_owner_password") if role == OWNER else (LOGIN, "database_login_password")
    )
    try:
        place = environment.database
        host, port, name = place.host, place.port, place.name
    except ConfigurationMissing:
        # Commands that need no database must still run; the others say what is missing (cli.py).
        host, port, name = "127.0.0.1", 1, "bayan"
    options: dict[str, Any] = {
        "application_name": f"bayan-{role.removeprefix('bayan_')}",
        "connect_timeout": 5,
        # A worker takes its role for the whole connection; a web request takes its own (people.middleware).
        "options": f"-c role={WORKER}" if role == WORKER else "",
    }
    return {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": host,
        "PORT": port,
        "NAME": name,
        "USER": user,
        "PASSWORD": environment.secret(password),
        "OPTIONS": options,
        # The few threads that answer requests keep theirs (config.asgi).
        "CONN_MAX_AGE": None,
        "CONN_HEALTH_CHECKS": True,
    }


DATABASES = {"default": _database()}

# What limits attempts to sign in counts here, for all web processes together.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
        "LOCATION": environment.data_dir / "run" / "cache",
        "OPTIONS": {"MAX_ENTRIES": 10_000},
    }
}

# Language and time: Arabic first, UTC in the database, Riyadh on the screen.
LANGUAGE_CODE = "ar"
LANGUAGES = [("ar", "العربية"), ("en", "English")]
LOCALE_PATHS = [PROJECT_DIR / "locale"]
FORMAT_MODULE_PATH = ["bayan.core.formats"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "Asia/Riyadh"

# Sign-in: by e-mail and password; accounts are made by the administrator, never by visitors.
AUTHENTICATION_BACKENDS = ["bayan.people.accounts.Backend"]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_ADAPTER = "bayan.people.accounts.StaffAccounts"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SESSION_REMEMBER = False
# Beside allauth's own: accepting invitations, and making them.
ACCOUNT_RATE_LIMITS = {
    "accept_invitation": "30/m/ip",
    "invite": "60/h/user",
    "join_surge": "20/m/user",
    "second_factor": "8/5m/key",
}
# A second factor: codes of an app, and codes on paper. Which roles do not go without one.
MFA_ADAPTER = "bayan.people.factors.SecondFactors"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
SECOND_FACTOR_ROLES = environment.second_factor_roles
SESSION_ENGINE = "bayan.people.sessions"
SESSION_COOKIE_AGE = 12 * 60 * 60
SESSION_COOKIE_NAME = "bayan_session"
CSRF_COOKIE_NAME = "bayan_csrf"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_NAME = "bayan_language"
CSRF_FAILURE_VIEW = "bayan.core.views.form_expired"

# What leaves the house over HTTP.
SECURE_CSP = {
    "default-src": [CSP.NONE],
    "script-src": [CSP.SELF],
    "style-src": [CSP.SELF],
    "img-src": [CSP.SELF, "data:"],
    "font-src": [CSP.SELF],
    # What is recorded here is heard before it is sent.
    "media-src": [CSP.SELF, "blob:"],
    "connect-src": [CSP.SELF],
    "manifest-src": [CSP.SELF],
    "form-action": [CSP.SELF],
    "base-uri": [CSP.NONE],
    "frame-ancestors": [CSP.NONE],
}
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
TRUSTS_PROXY = environment.trusts_proxy
if TRUSTS_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
    SECURE_HSTS_SECONDS = 365 * 24 * 60 * 60

# What people send and what is sent to them; served by views that ask who may see it.
MEDIA_ROOT = environment.data_dir / "media"

STATIC_URL = "static/"
STATIC_ROOT = PROJECT_DIR / ".static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        # Before anything is collected (tests, Django's own commands) the names stay plain.
        "BACKEND": "servestatic.storage.CompressedManifestStaticFilesStorage"
        if (STATIC_ROOT / "staticfiles.json").is_file() or "collectstatic" in sys.argv
        else "django.contrib.staticfiles.storage.StaticFilesStorage",
    },
}

LOGGING = logs.configuration(level=environment.log_level)
LOGGING_CONFIG = "bayan.config.logs.configure"
