"""Fills the fresh database: the people, and a configuration for each link."""

from django.conf import settings
from django.contrib.auth.models import User
from lti_consumer.models import CourseAllowPIISharingInLTIFlag, Lti1p3Passport, LtiConfiguration
from opaque_keys.edx.keys import CourseKey

from tests.interop.xblock_platform.course import COURSE_ID, LINKS, PEOPLE, Link
from tests.interop.xblock_platform.models import Profile


def seed() -> None:
    """Make people and links if they are not there yet."""
    for person in PEOPLE:
        user, _ = User.objects.get_or_create(username=person.username, defaults={"email": person.email})
        Profile.objects.get_or_create(
            user=user,
            defaults={
                "full_name": person.full_name,
                "role": person.role,
                "external_id": person.external_id,
            },
        )
    course_key = CourseKey.from_string(COURSE_ID)
    CourseAllowPIISharingInLTIFlag.objects.get_or_create(course_id=course_key, defaults={"enabled": True})
    for link in LINKS:
        _configure(link)


def _configure(link: Link) -> None:
    tool = settings.TOOL_URL
    passport, _ = Lti1p3Passport.objects.get_or_create(
        name=link.passport, defaults={"lti_1p3_tool_keyset_url": f"{tool}/lti/jwks"}
    )
    configuration, _ = LtiConfiguration.objects.update_or_create(
        location=link.location,
        defaults={
            "version": LtiConfiguration.LTI_1P3,
            "config_store": LtiConfiguration.CONFIG_ON_DB,
            "lti_1p3_passport": passport,
            "lti_1p3_oidc_url": f"{tool}/lti/login",
            "lti_1p3_launch_url": f"{tool}/lti/launch",
            "lti_advantage_enable_nrps": not link.proctoring,
            "lti_advantage_ags_mode": link.ags_mode,
            "lti_advantage_deep_linking_enabled": link.deep_linking,
            "lti_advantage_deep_linking_launch_url": f"{tool}/lti/launch" if link.deep_linking else "",
            "lti_1p3_proctoring_enabled": link.proctoring,
        },
    )
    configuration.clean()  # the package's own opinion of the configuration
