"""Short materials given to units of a furnished house, for tests of the player and of the institution's page."""

from io import BytesIO

from sqlalchemy import delete

from bridge.kernel.ids import CourseId, CourseUnitId, InstitutionId, LearnerRef
from bridge.registry.material_model import Material
from bridge.registry.material_tables import CourseMaterialRow
from bridge.registry.materials import take_in
from bridge.registry.tables import CourseUnitRow
from bridge.wiring import House
from tests.registry.made_media import mp4
from tests.web.furnished import NOW, ORG, Furnished

COURSE = CourseId("course_demo")
TEXT_UNIT, MEDIA_UNIT = CourseUnitId("unit_electric"), CourseUnitId("unit_fire")
UNIT_SECONDS = 60
THREE_PAGES = "# 第一页\n停电\n---\n# 第二页\n验电\n---\n# 第三页\n接地\n"
FIRST, SECOND = "staff_first", "staff_second"


def film(size: int = 3 << 20) -> bytes:
    """Return what passes for an MP4 of the unit's length, of at least `size` bytes, no two pieces alike."""
    head = mp4(UNIT_SECONDS * 1000)
    return head + b"".join(number.to_bytes(4, "big") for number in range((size - len(head)) // 4 + 1))


def give_material(
    house: House,
    unit: CourseUnitId,
    content: bytes,
    seconds: int = UNIT_SECONDS,
    *,
    reviewed: bool = True,
    org: InstitutionId = ORG,
    course: CourseId = COURSE,
) -> Material:
    """Make the unit as short as `seconds` and put `content` there, in place of the demonstration's material."""
    offered = take_in(BytesIO(content), house.material_files, house.page_drawer)
    with house.uow.for_institution(org) as tx:
        tx.session.get_one(CourseUnitRow, (course, unit)).nominal_ms = seconds * 1000
        tx.session.execute(
            delete(CourseMaterialRow).where(
                CourseMaterialRow.course_id == course, CourseMaterialRow.unit_id == unit
            )
        )
        tx.session.expire_all()
        materials = house.at(tx).materials
        entered = materials.enter(course, unit, offered, FIRST)
        return materials.review(course, unit, entered.version, SECOND) if reviewed else entered


def ready_learner(furnished: Furnished, sub: str, name: str, citizen_id: str) -> tuple[str, LearnerRef]:
    """Return account and learner of somebody who went every step before study."""
    account, learner = furnished.enrol(sub, name, citizen_id)
    furnished.capture(learner, anchored_at=NOW)
    return account, learner
