"""The Django application of the stand-ins."""

from django.apps import AppConfig


class XblockPlatform(AppConfig):
    """Puts the stand-ins where lti-consumer-xblock looks for Open edX."""

    name = "tests.interop.xblock_platform"
    label = "xblock_platform"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Replace the package's calls into Open edX, and listen to what it announces."""
        from tests.interop.xblock_platform import open_edx

        open_edx.stand_in()
