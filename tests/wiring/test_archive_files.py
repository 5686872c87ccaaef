"""Learner file and class file as they stand now: complete, or with every blank named; printed; in a bag."""

from pathlib import Path

import pytest

from bridge.archive import tar
from bridge.archive.missing import missing_of_class
from bridge.archive.model import ITEMS, PARTS
from bridge.archive.verification import verify
from bridge.identity.access_log import newest
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import LearnerRef
from bridge.wiring.archive_files import Disclosure, class_file_now, learner_file_now
from plugins.archive.bagit_bag import BagitBag
from tests.web.furnished import CHEN, CHEN_ID, HUANG, HUANG_ID, ORG, RUN, Furnished, furnish

WHY = Disclosure("institution.class_file_export", "培训机构", "stf_lin")
PAGE = Disclosure("institution.class_file", "培训机构", "stf_lin", whole=False)


@pytest.fixture(scope="module")
def studied(tmp_path_factory: pytest.TempPathFactory) -> tuple[Furnished, LearnerRef, LearnerRef]:
    """One learner who has a paper, one who has only enrolled. Tests only look."""
    made = furnish(tmp_path_factory.mktemp("archive"), with_fonts=True)
    _, learner = made.enrol("lms-user-1001", CHEN, CHEN_ID)
    made.finish_course(learner)
    made.pass_test(learner)
    _, idle = made.enrol("lms-user-1002", HUANG, HUANG_ID)
    return made, learner, idle


def test_the_seven_items_are_there_as_of_now_with_the_employer(
    studied: tuple[Furnished, LearnerRef, LearnerRef],
) -> None:
    made, learner, _ = studied
    found = learner_file_now(made.house, ORG, RUN, learner, WHY)
    assert set(found.items) == set(ITEMS)
    assert found.items["1-identity.json"]["姓名"] == CHEN
    assert found.items["2-employer.json"]["工作单位"]
    assert found.items["5-duration.json"]["网络学时"] == 2
    assert {one.item for one in found.missing} <= {"4-study-time.json", "7-test.json"}


def test_what_is_missing_is_named_item_by_item(studied: tuple[Furnished, LearnerRef, LearnerRef]) -> None:
    made, _, idle = studied
    found = learner_file_now(made.house, ORG, RUN, idle, WHY)
    named = {one.item: one.sentence_zh for one in found.missing}
    assert {"4-study-time.json", "5-duration.json", "6-completion.json", "7-test.json"} <= set(named)
    assert named["6-completion.json"] == "还没有证明文件。"
    printed = {section.title: section.missing for section in found.sheet.sections}
    assert "还没有证明文件。" in printed["6. 学习完成情况"]


def test_a_stranger_has_no_file(studied: tuple[Furnished, LearnerRef, LearnerRef]) -> None:
    made, _, _ = studied
    with pytest.raises(InvalidInput):
        learner_file_now(made.house, ORG, RUN, LearnerRef("ln_nobody"), WHY)


def test_the_bag_of_now_is_one_that_verifies(
    studied: tuple[Furnished, LearnerRef, LearnerRef], tmp_path: Path
) -> None:
    made, learner, _ = studied
    found = learner_file_now(made.house, ORG, RUN, learner, WHY)
    tar.unpack(found.bag(made.house, "x", "学员学习电子档案", ORG), tmp_path / "bag")
    assert verify(tmp_path / "bag", BagitBag()) == ()


def test_the_class_file_has_five_parts_and_names_what_they_lack(
    studied: tuple[Furnished, LearnerRef, LearnerRef], tmp_path: Path
) -> None:
    made, learner, idle = studied
    found = class_file_now(made.house, ORG, RUN, WHY)
    assert set(found.items) == set(PARTS)
    people = {one["学员编号"]: one for one in found.items["1-learners.json"]["学员"]}
    assert (people[learner]["姓名"], people[learner]["证件号码"]) == (CHEN, CHEN_ID)
    assert people[learner]["测试"] == "88/100"
    assert next(pack["编号"] for pack in found.items["4-hour-method.json"]["规则包"]) == "guangdong-2022-3"
    assert learner in {one["学员编号"] for one in found.items["5-other.json"]["证明文件"]}
    assert idle in people
    materials = [unit["课件"] for unit in found.items["2-courseware.json"]["单元"] if unit["类型"] == "study"]
    assert all(one["sha256"] and one["审核人"] for one in materials)
    assert {one.item: one.sentence_zh for one in found.missing} == {
        "5-other.json": "大纲有线下单元,还没有线下培训记录。"
    }
    tar.unpack(found.bag(made.house, RUN, "班次培训档案", ORG), tmp_path / "bag")
    assert BagitBag().faults(tmp_path / "bag") == ()


def test_courseware_that_lies_elsewhere_or_was_not_reviewed_is_named(
    studied: tuple[Furnished, LearnerRef, LearnerRef],
) -> None:
    made, _, _ = studied
    parts = class_file_now(made.house, ORG, RUN, WHY).items
    first, second, *rest = parts["2-courseware.json"]["单元"]
    units = [{**first, "课件": None}, {**second, "课件": {**second["课件"], "审核人": None}}, *rest]
    named = missing_of_class({**parts, "2-courseware.json": {"课程": {}, "单元": units}})
    of_courseware = [one.sentence_zh for one in named if one.item == "2-courseware.json"]
    assert len(of_courseware) == 2
    assert "课件在学习平台" in of_courseware[0]
    assert "还没有审核" in of_courseware[1]


def test_a_page_shows_masked_what_a_file_holds_whole_and_both_are_logged(
    studied: tuple[Furnished, LearnerRef, LearnerRef],
) -> None:
    made, learner, _ = studied
    page = str(class_file_now(made.house, ORG, RUN, PAGE).sheet.to_json())
    assert CHEN not in page
    assert CHEN_ID not in page
    whole = str(class_file_now(made.house, ORG, RUN, WHY).sheet.to_json())
    assert CHEN in whole
    assert CHEN_ID in whole
    of_one = str(learner_file_now(made.house, ORG, RUN, learner, PAGE).sheet.to_json())
    assert CHEN not in of_one
    assert CHEN_ID not in of_one
    with made.house.uow.for_institution(ORG, read_only=True) as tx:
        purposes = [row.purpose for row in newest(tx, learner=learner, before=None, limit=3)]
    assert purposes == ["institution.class_file", "institution.class_file_export", "institution.class_file"]


def test_both_files_are_printed_in_pages_that_carry_their_number(
    studied: tuple[Furnished, LearnerRef, LearnerRef],
) -> None:
    import pypdfium2

    made, learner, _ = studied
    for found, words in (
        (learner_file_now(made.house, ORG, RUN, learner, WHY), (CHEN, CHEN_ID, "一人一档", "7. 测试情况")),
        (class_file_now(made.house, ORG, RUN, WHY), (CHEN, "一期一档", "4. 学时记录方式")),
    ):
        pdf = made.house.sheet_printer.print_sheet(found.sheet)
        document = pypdfium2.PdfDocument(pdf)
        pages = [page.get_textpage().get_text_range() for page in document]
        assert all(found.sheet.number in page for page in pages)
        assert all(word in "".join(pages) for word in words)
        assert made.house.sheet_printer.print_sheet(found.sheet) == pdf
