"""The one course of the test platform: made-up people and its LTI links. Both sides of the tests read it."""

from dataclasses import dataclass

COURSE_ID = "course-v1:AnXue+SAFE101+2026"
COURSE_TITLE = "安全生产培训"
DEPLOYMENT_ID = "1"  # lti-consumer-xblock knows no other


@dataclass(frozen=True)
class Person:
    """Somebody who does not exist; `external_id` is what the platform tells tools (`sub`)."""

    username: str
    full_name: str
    role: str
    external_id: str

    @property
    def email(self) -> str:
        """Return an address that must not reach anything that the tool keeps."""
        return f"{self.username}@lms.example"


LEARNER = Person("xiaoming", "王晓明", "student", "5b1f0f7e-0000-4000-8000-000000000001")
SECOND_LEARNER = Person("anqing", "欧阳安晴", "student", "5b1f0f7e-0000-4000-8000-000000000002")
TEACHER = Person("jianguo", "李建国", "staff", "5b1f0f7e-0000-4000-8000-000000000003")
PEOPLE = (LEARNER, SECOND_LEARNER, TEACHER)


@dataclass(frozen=True)
class Link:
    """One LTI link, configured on the platform's database.

    Args:
        passport: names the client: links with the same one share client id and keys.
        ags_mode: "disabled", "declarative" (the platform makes the line item) or "programmatic" (the tool does).
        weight: the highest grade that the platform keeps for it.
    """

    name: str
    title: str
    passport: str
    ags_mode: str
    weight: int = 1
    deep_linking: bool = False
    proctoring: bool = False

    @property
    def location(self) -> str:
        """Return the usage key, which is also the link's `resource_link` id."""
        return f"block-v1:AnXue+SAFE101+2026+type@lti_consumer+block@{self.name}"


DECLARATIVE = Link("declarative", "第一单元", "course", "declarative")
PROGRAMMATIC = Link("programmatic", "第二单元", "course", "programmatic", weight=10)
DEEP_LINKED = Link("deep_linked", "由教师选择的单元", "course", "declarative", deep_linking=True)
# The package offers proctoring and the Advantage services to different links only.
PROCTORED = Link("proctored", "结业考试", "exam", "disabled", proctoring=True)
# What one tool for everything needs besides: hours in a column that the tool makes, and an exam of the same client.
DEEP_LINKED_PROGRAMMATIC = Link(
    "deep_linked_programmatic", "由教师选择的另一单元", "course", "programmatic", weight=10, deep_linking=True
)
PROCTORED_BY_COURSE = Link("proctored_by_course", "结业考试", "course", "disabled", proctoring=True)
LINKS = (
    DECLARATIVE,
    PROGRAMMATIC,
    DEEP_LINKED,
    PROCTORED,
    DEEP_LINKED_PROGRAMMATIC,
    PROCTORED_BY_COURSE,
)
