"""An activity that opens only for a proved real name, or for enough class hours."""

import json

from plugins.moodle.acceptance.person import Person
from plugins.moodle.acceptance.run import Run
from plugins.simulators.demonstration.steps import expect

_REAL_NAME = {"type": "anxue", "need": "realname"}
_HOURS = {"type": "anxue", "need": "hours", "hours": "7.5"}


def opens_by_state(run: Run) -> None:
    """Closed while the bridge has said nothing; open by what it says; closed again when it takes it back."""
    with run.journal.step(
        "availability", "访问限制:实名前不开放,实名后开放;学时不足不开放,足够后开放"
    ) as step:
        learner = run.school.person("learner")
        _restrict(run, _REAL_NAME)
        _expect_closed(run, learner, "安学桥尚未说明时,课件已开放")
        expect(
            "real name is proved" in _course(run, learner) or "实名" in _course(run, learner),
            "课程页没有说明限制",
        )
        _say(run, real_name=False, class_hours="8")
        _expect_closed(run, learner, "没有实名,课件已开放")
        _say(run, real_name=True, class_hours="0")
        _expect_open(run, learner, "实名后课件没有开放")
        _restrict(run, _HOURS)
        _say(run, real_name=True, class_hours="7.4999")
        _expect_closed(run, learner, "学时不足,课件已开放")
        _say(run, real_name=True, class_hours="7.5")
        _expect_open(run, learner, "学时足够,课件没有开放")
        _expect_closed(run, run.school.person("other"), "另一名学员的课件也开放了")
        step.say("未说明、未实名、7.4999 学时均不开放;实名、7.5 学时开放;他人不受影响")


def _restrict(run: Run, condition: dict[str, str]) -> None:
    page = run.admin.get("/course/modedit.php", update=run.school.lesson)
    tree = json.dumps({"op": "&", "c": [condition], "showc": [True]})
    done = run.admin.submit(
        page, page.form("modedit.php", holding="name"), {"availabilityconditionsjson": tree}, "submitbutton2"
    )
    again = run.admin.get("/course/modedit.php", update=run.school.lesson)
    kept = again.form("modedit.php", holding="name").fields["availabilityconditionsjson"]
    expect(json.loads(kept or "{}").get("c") == [condition], f"访问限制没有存下:{done.said}")


def _say(run: Run, *, real_name: bool, class_hours: str) -> None:
    answer = run.service.call(
        "local_anxue_set_learner_state",
        {
            "sub": run.school.sub("learner"),
            "context_id": run.school.course,
            "real_name": int(real_name),
            "class_hours": class_hours,
        },
    )
    expect(answer["status"] == "kept", f"学员状态没有存下:{answer}")


def _course(run: Run, person: Person) -> str:
    return person.get("/course/view.php", id=run.school.course).text


def _expect_open(run: Run, person: Person, otherwise: str) -> None:
    page = person.get("/mod/page/view.php", id=run.school.lesson)
    expect(
        page.status == 200 and "/mod/page/view.php" in page.url and "正文" in page.text,
        f"{otherwise}:{page.said}",
    )


def _expect_closed(run: Run, person: Person, otherwise: str) -> None:
    page = person.get("/mod/page/view.php", id=run.school.lesson)
    expect("正文" not in page.text, f"{otherwise}:{page.said}")
