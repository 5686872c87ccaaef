"""Stand-ins for the parts of Open edX that lti-consumer-xblock calls: users, access, blocks, members, grades."""

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

from django.contrib.auth.models import User
from lti_consumer.exceptions import LtiError
from lti_consumer.plugin import compat
from lti_consumer.signals.signals import LTI_1P3_PROCTORING_ASSESSMENT_STARTED
from opaque_keys.edx.keys import UsageKey

from tests.interop.xblock_platform.course import COURSE_ID, COURSE_TITLE, LINKS
from tests.interop.xblock_platform.models import Grade, Profile, StartedExam

_STAFF = ("staff", "instructor")
_LINKS = {link.location: link for link in LINKS}


class Block:
    """As much of an LTI block as the package reads when its configuration stands in the database."""

    has_score = True
    accept_grades_past_due = False
    lti_1p3_passport_id = ""

    def __init__(self, location: UsageKey) -> None:
        link = _LINKS[str(location)]
        self.location = location
        self.scope_ids = SimpleNamespace(usage_id=location, user_id=None)
        self.display_name, self.weight, self.context_id = link.title, link.weight, COURSE_ID

    def is_past_due(self) -> bool:
        """Return False: no link here has a last day."""
        return False

    def max_score(self) -> int:
        """Return the highest grade."""
        return self.weight

    def set_user_module_score(self, user: User, score: float | None, max_score: float, comment: str) -> None:
        """Write the grade into the gradebook; `score` is from 0 to 1."""
        earned = None if score is None else score * max_score
        grade, _ = Grade.objects.get_or_create(
            user=user, location=str(self.location), defaults={"possible": max_score}
        )
        grade.earned, grade.possible, grade.published = earned, max_score, grade.published + 1
        grade.save()


def load_block(location: UsageKey) -> Block:
    """Return the block at `location`; KeyError if the course has none there."""
    return Block(location)


def user_of_external_id(external_user_id: str) -> User:
    """Return the user that tools know by `external_user_id`; LtiError if there is none."""
    profile = Profile.objects.select_related("user").filter(external_id=external_user_id).first()
    if profile is None:
        raise LtiError("no such user")
    return profile.user


def external_ids(users: Iterable[User]) -> dict[int, Any]:
    """Return user id → object whose `external_user_id` is what tools know."""
    return {user.id: SimpleNamespace(external_user_id=user.profile.external_id) for user in users}


def course_members(course_key: Any) -> dict[int, dict[str, Any]]:
    """Return user id → what the roster may tell of each member."""
    if str(course_key) != COURSE_ID:
        raise LtiError("no such course")
    return {
        user.id: {
            "id": user.id,
            "username": user.username,
            "email": user.email,
            "name": user.profile.full_name,
            "roles": [user.profile.role],
        }
        for user in User.objects.select_related("profile").order_by("id")
    }


def is_member(*_what: Any, **_how: Any) -> bool:
    """Return True: whoever can sign in here is a member of the one course."""
    return True


def may_edit_course(user: Any, _course_key: Any) -> bool:
    """Return whether `user` teaches the course."""
    return bool(user.is_authenticated and user.profile.role in _STAFF)


def course_of(course_key: Any) -> Any:
    """Return the course, as far as its title goes."""
    return SimpleNamespace(id=course_key, display_name_with_default=COURSE_TITLE)


def note_started_exam(attempt_number: int, resource_link: dict[str, Any], user_id: int, **_more: Any) -> None:
    """Keep that an exam was started."""
    StartedExam.objects.create(user_id=user_id, location=resource_link["id"], attempt_number=attempt_number)


def stand_in() -> None:
    """Put each stand-in in its place."""
    compat.load_enough_xblock = load_block
    compat.load_block_as_user = load_block
    compat.get_user_from_external_user_id = user_of_external_id
    compat.batch_get_or_create_externalids = external_ids
    compat.get_course_members = course_members
    compat.get_course_by_id = course_of
    compat.user_course_access = is_member
    compat.user_has_access = is_member
    compat.user_has_studio_write_access = may_edit_course
    LTI_1P3_PROCTORING_ASSESSMENT_STARTED.connect(note_started_exam, weak=False)
