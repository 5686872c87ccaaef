"""What a person at the test platform does: sign in, open a link, look at the gradebook. No LTI is spoken here."""

import sys
from importlib.metadata import version
from typing import Any

from django.conf import settings
from django.contrib.auth import login
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST
from edx_django_utils.cache import TieredCache
from lti_consumer.api import get_lti_1p3_content_url, get_lti_1p3_launch_start_url
from lti_consumer.data import Lti1p3LaunchData, Lti1p3ProctoringLaunchData
from lti_consumer.models import Lti1p3Passport, LtiAgsLineItem, LtiConfiguration, LtiDlContentItem
from lti_consumer.utils import get_lms_lti_access_token_link, get_lms_lti_keyset_link, get_lms_lti_launch_link

from tests.interop.xblock_platform.course import COURSE_ID, COURSE_TITLE, LINKS, PEOPLE
from tests.interop.xblock_platform.models import Grade, StartedExam

_LINKS = {link.name: link for link in LINKS}
_PROCTORING = ("LtiStartProctoring", "LtiEndAssessment")
_PRODUCT = ("bridge", "lti", "plugins")


@require_GET
def about(request: HttpRequest) -> HttpResponse:
    """Say what this is."""
    return HttpResponse(
        f"<!doctype html><meta charset=utf-8><title>{settings.PLATFORM_NAME}</title>"
        f"<h1>{settings.PLATFORM_NAME}</h1>"
        "<p>这是互操作测试用的学习平台,人物和课程均为虚构,不得用于真实培训。</p>"
        "<p>A test platform around lti-consumer-xblock; nobody here exists.</p>"
    )


@require_GET
def facts(request: HttpRequest) -> JsonResponse:
    """Return versions, what an administrator copies into a tool, and which packages of ours were imported."""
    passports = {
        passport.name: {
            "client_id": passport.lti_1p3_client_id,
            "jwks_url": get_lms_lti_keyset_link(passport.passport_id),
            "auth_token_url": get_lms_lti_access_token_link(passport.passport_id),
        }
        for passport in Lti1p3Passport.objects.exclude(name=None)
    }
    return JsonResponse(
        {
            "test_platform": True,
            "versions": {name: version(name) for name in ("lti-consumer-xblock", "Django", "PyJWT")},
            "issuer": settings.LTI_API_BASE,
            "auth_login_url": get_lms_lti_launch_link(),
            "passports": passports,
            "product_packages_imported": sorted(set(_PRODUCT) & set(sys.modules)),
        }
    )


@csrf_exempt
@require_POST
def sign_in(request: HttpRequest) -> JsonResponse:
    """Start a session for the person named; there are no passwords here."""
    user = get_object_or_404(User, username=request.POST["username"])
    login(request, user)
    return JsonResponse({"signed_in": user.username})


@require_GET
def launch(request: HttpRequest, name: str) -> HttpResponse:
    """Send the browser to the tool's login, as opening the link in Open edX does.

    Query: `message` (LtiResourceLinkRequest unless given), `attempt`, `role` (another one of the
    package's roles than the person's own; "none" sends no role at all).
    """
    if not request.user.is_authenticated:
        return HttpResponse("请先登录。", status=401)
    link, profile = _LINKS[name], request.user.profile
    message = request.GET.get("message", "LtiResourceLinkRequest")
    role = request.GET.get("role", profile.role)
    data = Lti1p3LaunchData(
        user_id=request.user.id,
        user_role=None if role == "none" else role,
        config_id=LtiConfiguration.objects.get(location=link.location).config_id,
        resource_link_id=link.location,
        external_user_id=profile.external_id,
        preferred_username=request.user.username,
        name=profile.full_name,
        email=request.user.email,
        launch_presentation_document_target="iframe",
        launch_presentation_return_url=f"{settings.LMS_ROOT_URL}/",
        message_type=message,
        context_id=COURSE_ID,
        context_type=["course_offering"],
        context_title=f"{COURSE_TITLE} - AnXue",
        context_label=COURSE_ID,
        proctoring_launch_data=_proctoring(request) if message in _PROCTORING else None,
    )
    if message == "LtiDeepLinkingRequest":
        return HttpResponseRedirect(get_lti_1p3_launch_start_url(data, deep_link_launch=True))
    if message in _PROCTORING:
        return HttpResponseRedirect(get_lti_1p3_launch_start_url(data))
    return HttpResponseRedirect(get_lti_1p3_content_url(data))


def _proctoring(request: HttpRequest) -> Any:
    api = f"{settings.LMS_ROOT_URL}/api/lti_consumer/v1"
    return Lti1p3ProctoringLaunchData(
        attempt_number=int(request.GET.get("attempt", "1")),
        start_assessment_url=f"{api}/start_proctoring_assessment",
        # The package sends this claim but serves no such address; whoever uses it brings the service.
        assessment_control_url=f"{api}/assessment_control",
        assessment_control_actions=["flag", "pause", "resume", "terminate", "update"],
    )


@require_GET
def state(request: HttpRequest) -> JsonResponse:
    """Return what the platform now holds: grades, line items, deep-linked content, started exams."""
    return JsonResponse(
        {
            "people": [person.external_id for person in PEOPLE],
            "grades": [
                {
                    "user": grade.user.profile.external_id,
                    "location": grade.location,
                    "earned": grade.earned,
                    "possible": grade.possible,
                    "published": grade.published,
                }
                for grade in Grade.objects.select_related("user__profile")
            ],
            "line_items": [
                {
                    "location": str(item.lti_configuration.location),
                    "resource_link": str(item.resource_link_id),
                    "label": item.label,
                    "score_maximum": item.score_maximum,
                    "tag": item.tag,
                }
                for item in LtiAgsLineItem.objects.select_related("lti_configuration")
            ],
            "content_items": [
                {
                    "location": str(item.lti_configuration.location),
                    "type": item.content_type,
                    "attributes": item.attributes,
                }
                for item in LtiDlContentItem.objects.select_related("lti_configuration")
            ],
            "started_exams": [
                {
                    "user": exam.user.profile.external_id,
                    "location": exam.location,
                    "attempt_number": exam.attempt_number,
                }
                for exam in StartedExam.objects.select_related("user__profile")
            ],
        }
    )


@csrf_exempt
@require_POST
def reset(request: HttpRequest) -> JsonResponse:
    """Forget grades, line items, chosen content, exams and waiting launches; people, links and keys stay."""
    for kind in (LtiAgsLineItem, LtiDlContentItem, Grade, StartedExam):
        kind.objects.all().delete()
    TieredCache.dangerous_clear_all_tiers()
    return JsonResponse({"reset": True})


@csrf_exempt
@require_POST
def rotate_key(request: HttpRequest, passport: str) -> JsonResponse:
    """Have the package make a new signing key; it publishes one key only, so the old one is gone at once."""
    held = get_object_or_404(Lti1p3Passport, name=passport)
    old = held.lti_1p3_private_key_id
    held.lti_1p3_internal_private_key = ""
    held.save()
    return JsonResponse({"old_kid": old, "new_kid": held.lti_1p3_private_key_id})
