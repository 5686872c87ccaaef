"""The gated quiz: a forced start, a grant, a revocation in mid-attempt, a preview, another's name, a backup."""

import json
import re
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from plugins.moodle.acceptance.person import Page, Person
from plugins.moodle.acceptance.run import Run
from plugins.simulators.demonstration.steps import StepFailed, expect

_START = "/mod/quiz/startattempt.php"
_ATTEMPT = "/mod/quiz/attempt.php"
_GRANT_SECONDS = 900


def forced_start(run: Run) -> None:
    """Without a grant no request opens an attempt."""
    with run.journal.step("forced_start", "没有准考许可:强行提交开始测验被拒绝,并留下记录") as step:
        learner = run.school.person("learner")
        view = learner.get("/mod/quiz/view.php", id=run.school.quiz)
        expect(view.refusal == "none", f"测验页没有说明须先核验:{view.said}")
        expect(not [f for f in view.document.forms if _START in (f.action or "")], "测验页仍有开始按钮")
        for fields in (
            {},
            {"anxueconsent": "1"},
            {"forcenew": "1", "page": "0", "_qf__preflight_check_form": "1"},
        ):
            page = start(run, learner, **fields)
            expect(page.refusal == "none" and _ATTEMPT not in page.url, f"强行开始没有被拒绝:{page.said}")
        expect(_attempts(run, "learner") == 0, "没有许可却开出了作答")
        step.say("三种请求均被拒绝,没有产生作答")
        expect(_logged(run, "none"), "Moodle 日志中没有 access_prevented 事件")
        step.say("Moodle 日志中有 access_prevented(none)")


def grant_and_consent(run: Run) -> Page:
    """A grant opens the quiz for its learner, once they consent; return the attempt's page."""
    with run.journal.step("grant", "经网络服务发放的准考许可:须先同意,再进入作答页") as step:
        _grant(run, f"{run.school.mark}-1")
        other = run.school.person("other")
        expect(start(run, other).refusal == "none", "一名学员的许可放进了另一名学员")
        learner = run.school.person("learner")
        asked = start(run, learner)
        expect("anxueconsent" in asked.text and _ATTEMPT not in asked.url, f"没有征求同意:{asked.said}")
        form = asked.form("startattempt.php", holding="anxueconsent")
        again = learner.submit(asked, form, {}, "submitbutton")
        expect(_ATTEMPT not in again.url, "没有同意也开始了作答")
        page = learner.submit(again, again.form("startattempt.php", holding="anxueconsent"),
                              {"anxueconsent": "1"}, "submitbutton")  # fmt: skip
        expect(_ATTEMPT in page.url, f"同意后没有进入作答页:{page.said}")
        expect(_attempts(run, "learner") == 1, "作答没有产生")
        step.say("未同意不能开始;同意后进入作答页;他人不能使用")
        expect(
            'id="local-anxue-agent"' in page.text and '"activity":"test"' in page.text,
            "作答页没有载入安学桥脚本",
        )
        expect(f'src="{run.bridge.url}/static/agent/v1.js"' in page.text, "作答页的脚本不来自安学桥")
        step.say("作答页已载入安学桥脚本(activity=test)")
    return page


def revoke_in_mid_attempt(run: Run, page: Page) -> None:
    """After a revocation no page of the attempt opens and no answer is taken."""
    with run.journal.step("revoke", "作答中撤回许可:页面、摘要、保存、交卷、自动保存均被拒绝") as step:
        learner = run.school.person("learner")
        attempt = _attempt_id(page)
        open_page = learner.get(_ATTEMPT, attempt=attempt, cmid=run.school.quiz)
        form = open_page.form("processattempt.php")
        answer = next(name for name, _ in form.form_values() if re.fullmatch(r"q\d+:\d+_:flagged", name))
        answer = answer.replace(":flagged", "").removesuffix("_") + "_answer"
        status = run.service.call(
            "local_anxue_revoke_exam", {"grant_id": f"{run.school.mark}-1", "reason": "多次未通过人脸核验"}
        )
        expect(status["status"] == "revoked", f"撤回没有生效:{status}")
        fields = {answer: "1"}
        tries: dict[str, Callable[[], Page]] = {
            "作答页": lambda: learner.get(_ATTEMPT, attempt=attempt, cmid=run.school.quiz),
            "摘要页": lambda: learner.get("/mod/quiz/summary.php", attempt=attempt, cmid=run.school.quiz),
            "再次开始": lambda: start(run, learner),
            "保存": lambda: learner.submit(open_page, form, fields, "next"),
            "交卷": lambda: learner.submit(open_page, form, fields | {"finishattempt": "1", "timeup": "0"}),
            "到时交卷": lambda: learner.submit(
                open_page, form, fields | {"finishattempt": "1", "timeup": "1"}
            ),
            "自动保存": lambda: learner.post(
                "/mod/quiz/autosave.ajax.php", dict(form.form_values()) | fields
            ),
        }
        for name, attempt_it in tries.items():
            refused = attempt_it()
            expect(_is_refused(refused), f"撤回后“{name}”没有被拒绝:{refused.url} {refused.said}")
        expect("多次未通过人脸核验" in learner.get(_ATTEMPT, attempt=attempt).text, "没有转告撤回原因")
        step.say(f"{len(tries)} 种请求均被拒绝,并转告了撤回原因")
        expect(_logged(run, "revoked"), "Moodle 日志中没有 access_prevented(revoked)")
    with run.journal.step("regrant", "重新核验后继续作答并交卷:撤回期间没有存下任何答案") as step:
        _grant(run, f"{run.school.mark}-2")
        back = consent(run, learner)
        expect(_attempt_id(back) == attempt, f"没有回到原来的作答:{back.said}")
        chosen = back.document.xpath(f'//input[@name="{answer}"][@checked]/@value')
        expect(chosen in ([], ["-1"]), f"撤回期间的答案被存下了:{chosen}")
        saved = learner.submit(back, back.form("processattempt.php"), {answer: "1"}, "next")
        expect("/mod/quiz/summary.php" in saved.url, f"答案没有存下:{saved.said}")
        done = learner.submit(
            saved, saved.form("processattempt.php", holding="finishattempt"), {"finishattempt": "1"}
        )
        expect("/mod/quiz/review.php" in done.url, f"没有交卷成功:{done.said}")
        step.say("撤回期间的答案没有存下;重新核验后交卷成功")


def who_else(run: Run) -> None:
    """A teacher previews; nobody sits the test in another's name; a used-up grant opens nothing."""
    with run.journal.step("who_else", "教师预览放行;以他人身份登录被拒绝;许可次数用完后被拒绝") as step:
        preview = start(run, run.school.person("teacher"))
        expect(_ATTEMPT in preview.url, f"教师不能预览:{preview.said}")
        _grant(run, f"{run.school.mark}-3", who="other", attempt_limit=1)
        stranger = Person(run.site.url).log_in(*run.admin_login)
        stranger.get(
            "/course/loginas.php",
            id=run.school.course,
            user=run.school.sub("other"),
            sesskey=stranger.sesskey,
        )
        stranger.forget_sesskey()
        expect(start(run, stranger).refusal == "loginas", "以他人身份登录后进入了测验")
        expect(_attempts(run, "other") == 0, "以他人身份登录后开出了作答")
        other = run.school.person("other")
        page = consent(run, other)
        finish = other.submit(page, page.form("processattempt.php"), {"finishattempt": "1"})
        expect("/mod/quiz/review.php" in finish.url, f"没有交卷成功:{finish.said}")
        expect(start(run, other).refusal == "attemptsused", "许可只准一次,却开始了第二次")
        step.say("预览放行;冒名 loginas 被拒绝;一次许可不能考两次")


def backup_keeps_the_gate(run: Run) -> None:
    """A restored copy of the course has the gate."""
    with run.journal.step("backup", "备份后恢复的课程仍须核验身份") as step:
        with tempfile.TemporaryDirectory(prefix="anxue-acceptance-") as folder:
            Path(folder).chmod(0o777)
            run.site.cli("admin/cli/backup.php", f"--courseid={run.school.course}", f"--destination={folder}")
            file = next(Path(folder).glob("*.mbz"))
            said = run.site.cli("admin/cli/restore_backup.php", f"--file={file}", "--categoryid=1").stdout
        found = re.search(r"(?:ID|id)\D{0,5}(\d+)", said)
        if found is None:
            raise StepFailed(f"恢复课程没有给出编号:{said.strip()[-200:]}")
        copy = int(found.group(1))
        try:
            quiz = run.school.activities(copy, "quiz")[0]
            form = run.admin.get("/course/modedit.php", update=quiz).form(
                "modedit.php", holding="anxuerequired"
            )
            expect(form.fields["anxuerequired"] == "1", "恢复的测验没有保留身份核验")
            step.say("设置随备份恢复;同意记录和许可不随备份")
        finally:
            run.school.delete_course(copy)


def _is_refused(page: Page) -> bool:
    """Return whether a page says that the grant was revoked; a script of a page is told so in JSON."""
    if page.text.startswith("{"):
        answer = json.loads(page.text)
        return answer.get("errorcode") == "attempterror" and "status" not in answer
    return page.refusal == "revoked" and "/mod/quiz/view.php" in page.url


def consent(run: Run, person: Person) -> Page:
    """Ask for an attempt and agree to be watched; return where that leads."""
    asked = start(run, person)
    expect("anxueconsent" in asked.text, f"没有征求同意:{asked.said}")
    form = asked.form("startattempt.php", holding="anxueconsent")
    return person.submit(asked, form, {"anxueconsent": "1"}, "submitbutton")


def start(run: Run, person: Person, **fields: str) -> Page:
    """Ask for an attempt at the quiz without having been shown its button."""
    return person.post(_START, {"cmid": run.school.quiz, "sesskey": person.sesskey, **fields})


def _grant(run: Run, grant_id: str, who: str = "learner", attempt_limit: int | None = None) -> None:
    arguments: dict[str, object] = {
        "sub": run.school.sub(who),
        "cmid": run.school.quiz,
        "expires_at": int(time.time()) + _GRANT_SECONDS,
        "grant_id": grant_id,
    }
    if attempt_limit is not None:
        arguments["attempt_limit"] = attempt_limit
    answer = run.service.call("local_anxue_grant_exam", arguments)
    expect(answer["status"] == "granted", f"许可没有发放:{answer}")


def _attempts(run: Run, who: str) -> int:
    """Return how many attempts the teacher's report shows of a person."""
    report = run.admin.get(
        "/mod/quiz/report.php", id=run.school.quiz, mode="overview", attempts="enrolled_with",
        onlygraded="", stateinprogress=1, stateoverdue=1, statefinished=1, stateabandoned=1, pagesize=100,
    )  # fmt: skip
    rows = report.document.xpath(f'//tr[.//a[contains(@href, "user/view.php?id={run.school.sub(who)}&")]]')
    return len([row for row in rows if row.xpath('.//input[@name="attemptid[]"]')])


def _attempt_id(page: Page) -> int:
    found = re.search(r"[?&]attempt=(\d+)", page.url)
    if found is None:
        raise StepFailed(f"不是作答页:{page.said}")
    return int(found.group(1))


def _logged(run: Run, reason: str) -> bool:
    """Return whether Moodle's log of the course tells of a refusal to the learner."""
    log = run.admin.get(
        "/report/log/index.php", chooselog=1, id=run.school.course, user=run.school.sub("learner")
    )
    sentence = (
        f"The user with id '{run.school.sub('learner')}' was refused access to the quiz with course module id "
        f"'{run.school.quiz}' by the identity check: '{reason}'."
    )
    return sentence in log.document.text_content()
