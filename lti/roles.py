"""What a launch's roles let a person do here: only context roles count; the unknown is a learner."""

from collections.abc import Iterable
from enum import Enum

CONTEXT_ROLES = "http://purl.imsglobal.org/vocab/lis/v2/membership#"


class Role(Enum):
    """A person's part in the course, weakest first."""

    LEARNER = "learner"
    CONTENT_DEVELOPER = "content_developer"
    TEACHER = "teacher"
    ADMINISTRATOR = "administrator"


# Strongest first. Sub-roles ("membership/Instructor#…") are absent on purpose: LTI 1.3 Core §A.2.4 has
# platforms send the principal role beside them, and alone they may mean a grader or a guest.
_PRINCIPAL = (
    ("Administrator", Role.ADMINISTRATOR),
    ("Instructor", Role.TEACHER),
    ("ContentDeveloper", Role.CONTENT_DEVELOPER),
)


def context_role(roles: Iterable[str]) -> Role:
    """Return the strongest context role in `roles`, by full or short name; LEARNER if there is none.

    Institution and system roles never count: an administrator of the whole LMS who studies is a learner.

    Source: LTI 1.3 Core §5.3.7, §A.2.
    """
    held = set(roles)
    for name, role in _PRINCIPAL:
        if name in held or CONTEXT_ROLES + name in held:
            return role
    return Role.LEARNER
