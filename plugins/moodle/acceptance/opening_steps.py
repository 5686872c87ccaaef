"""An activity that opens only for a proved real name, or for enough class hours."""

import json

from plugins.moodle.acceptance.person import Person
from plugins.moodle.acceptance.run import Run
from plugins.simulators.demonstration.steps import expect

REAL_NAME = {"type": "anxue", "need": "realname"}


def opens_by_state(run: Run) -> None:
    """Closed while nothing was said of a learner; open by what is said; closed again when it is taken back.

    What is said comes by the web service itself here, of a learner of whom the bridge knows no name.
    """
    with run.journal.step(
        "availability", "访问限制(经网络服务):实名前不开放,实名后开放;学时不足不开放,足够后开放"
    ) as step:
        other = run.school.person("other")
        restrict(run, REAL_NAME)
        expect_closed(run, other, "尚未说明时,课件已开放")
        expect(
            "real name is proved" in _course(run, other) or "实名" in _course(run, other),
            "课程页没有说明限制",
        )
        _say(run, real_name=False, class_hours="8")
        expect_closed(run, other, "没有实名,课件已开放")
        _say(run, real_name=True, class_hours="0")
        expect_open(run, other, "实名后课件没有开放")
        restrict(run, {"type": "anxue", "need": "hours", "hours": "7.5"})
        _say(run, real_name=True, class_hours="7.4999")
        expect_closed(run, other, "学时不足,课件已开放")
        _say(run, real_name=True, class_hours="7.5")
        expect_open(run, other, "学时足够,课件没有开放")
        expect_closed(run, run.school.person("learner"), "另一名学员的课件也开放了")
        step.say("未说明、未实名、7.4999 学时均不开放;实名、7.5 学时开放;他人不受影响")


def restrict(run: Run, condition: dict[str, str]) -> None:
    """Have Moodle open the guarded page by this condition alone."""
    page = run.admin.get("/course/modedit.php", update=run.school.guarded)
    tree = json.dumps({"op": "&", "c": [condition], "showc": [True]})
    done = run.admin.submit(
        page, page.form("modedit.php", holding="name"), {"availabilityconditionsjson": tree}, "submitbutton2"
    )
    again = run.admin.get("/course/modedit.php", update=run.school.guarded)
    kept = again.form("modedit.php", holding="name").fields["availabilityconditionsjson"]
    expect(json.loads(kept or "{}").get("c") == [condition], f"访问限制没有存下:{done.said}")


def _say(run: Run, *, real_name: bool, class_hours: str) -> None:
    answer = run.service.call(
        "local_anxue_set_learner_state",
        {
            "sub": run.school.sub("other"),
            "context_id": run.school.course,
            "real_name": int(real_name),
            "class_hours": class_hours,
        },
    )
    expect(answer["status"] == "kept", f"学员状态没有存下:{answer}")


def _course(run: Run, person: Person) -> str:
    return person.get("/course/view.php", id=run.school.course).text


def is_open(run: Run, person: Person) -> bool:
    """Return whether the person may read the guarded page."""
    page = person.get("/mod/page/view.php", id=run.school.guarded)
    return page.status == 200 and "/mod/page/view.php" in page.url and "正文" in page.text


def expect_open(run: Run, person: Person, otherwise: str) -> None:
    """Raise StepFailed(`otherwise`) unless the person may read the guarded page."""
    expect(is_open(run, person), otherwise)


def expect_closed(run: Run, person: Person, otherwise: str) -> None:
    """Raise StepFailed(`otherwise`) if the guarded page tells the person anything."""
    page = person.get("/mod/page/view.php", id=run.school.guarded)
    expect("正文" not in page.text, f"{otherwise}:{page.said}")
