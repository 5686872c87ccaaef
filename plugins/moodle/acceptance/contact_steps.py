"""Article 27 inside Moodle: contact data of learners is found, replaced by placeholders, and brought back by undo."""

from plugins.moodle.acceptance.person import Page
from plugins.moodle.acceptance.run import Run
from plugins.simulators.demonstration.steps import expect

_PAGE = "/local/anxue/contact.php"


def clean_and_undo(run: Run) -> None:
    """Preview, placeholders, a clean course, undo, and everything is as it was."""
    with run.journal.step("contact", "联系方式:预览、换成占位符、课程已干净、撤销后复原") as step:
        before = _person(run)
        expect(before["email"].endswith("@lms.example"), f"学员邮箱不是测试数据:{before['email'][-12:]}")
        preview = run.admin.get(_PAGE, course=run.school.course)
        expect(before["email"] not in preview.text, "预览页整段显示了邮箱")
        boxes = preview.document.xpath('//input[@name="users[]"]/@value')
        expect(str(run.school.sub("learner")) in boxes, "预览中没有学员")
        asked = run.admin.submit(preview, preview.form("contact.php", holding="users[]"), {})
        done = run.admin.submit(asked, asked.form("contact.php", holding="users[]"), {})
        expect('data-testid="contact-clean"' in done.text, f"清理后课程仍有联系方式:{done.said}")
        after = _person(run)
        expect(
            after["email"] != before["email"] and "lms.example" not in after["email"], "邮箱没有换成占位符"
        )
        step.say(f"{len(boxes)} 人的联系方式已换成占位符,课程显示为干净")
        back = _undo(run)
        expect(_person(run) == before, f"撤销后没有复原:{back.said}")
        again = run.admin.get(_PAGE, course=run.school.course)
        expect('data-testid="contact-preview"' in again.text, "撤销后预览没有再列出联系方式")
        step.say("撤销后逐字复原")


def _undo(run: Run) -> Page:
    page = run.admin.get(_PAGE)
    forms = (
        [form for form in page.document.forms if form.fields.get("action") == "undo"]
        if page.document.forms
        else []
    )
    expect(forms, f"没有可撤销的批次:{page.said}")
    return run.admin.submit(page, forms[0], {})


def _person(run: Run) -> dict[str, str]:
    found = run.admin.ask(
        "core_user_get_users_by_field", {"field": "id", "values": [str(run.school.sub("learner"))]}
    )
    return {name: str(found[0].get(name, "")) for name in ("email", "phone1", "address")}
