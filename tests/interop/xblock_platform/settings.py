"""Django's settings; where the platform stands and keeps its files comes from the process that starts it."""

import os
from pathlib import Path

FOLDER = Path(os.environ["XBLOCK_PLATFORM_FOLDER"])
LMS_ROOT_URL = os.environ["XBLOCK_PLATFORM_URL"]
TOOL_URL = os.environ["XBLOCK_PLATFORM_TOOL_URL"]

LTI_API_BASE = LTI_BASE = LEARNING_MICROFRONTEND_URL = LMS_ROOT_URL
PLATFORM_NAME = "安学桥互操作测试平台(TEST PLATFORM)"
LTI_NRPS_DISALLOW_PII = False  # names travel in rosters, so that what the tool drops can be seen
USAGE_ID_PATTERN = r"(?P<usage_id>(?:i4x://?[^/]+/[^/]+/[^/]+/[^@]+(?:@[^/]+)?)|(?:[^/]+))"

SECRET_KEY = os.urandom(32).hex()
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1", "127.0.0.2", "localhost"]
ROOT_URLCONF = "tests.interop.xblock_platform.urls"
USE_TZ = True
TIME_ZONE = "UTC"
OPENEDX_TELEMETRY: list[str] = []  # nothing is reported to anybody
LANGUAGE_CODE = "zh-hans"
STATIC_URL = "/static/"
APPEND_SLASH = False
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "rest_framework",
    "lti_consumer",
    "tests.interop.xblock_platform.apps.XblockPlatform",
]
MIDDLEWARE = [
    "edx_django_utils.cache.middleware.RequestCacheMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "crum.CurrentRequestUserMiddleware",
]
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": FOLDER / "platform.sqlite3",
        "OPTIONS": {"timeout": 20, "transaction_mode": "IMMEDIATE"},
    }
}
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
SESSION_COOKIE_NAME = "xblock_session"
