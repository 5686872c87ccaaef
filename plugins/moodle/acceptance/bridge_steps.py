"""What the bridge tells a real Moodle by itself: real names and hours, and what is taken back again."""

import secrets
from collections.abc import Callable

from plugins.moodle.acceptance import opening_steps
from plugins.moodle.acceptance.person import Person
from plugins.moodle.acceptance.run import Run
from plugins.simulators.demonstration.agent_client import AgentClient
from plugins.simulators.demonstration.cameras import Camera
from plugins.simulators.demonstration.http_walk import HttpTab, HttpWalk
from plugins.simulators.demonstration.steps import StepFailed, expect, wait_for

_SCAN, _DELIVER = r"\local_anxue\task\scan_contact", r"\local_anxue\task\deliver"
_SETTLED_SECONDS = 10.0
_MOST_SITTINGS = 6
_HOUR = {"type": "anxue", "need": "hours", "hours": "1"}


def staff_set_up(run: Run) -> None:
    """Staff accept their invitations and give the bridge the token with which it calls this Moodle."""
    with run.journal.step("exam_service", "机构工作人员在安学桥填写 Moodle 网址和令牌(考试授权)") as step:
        for invitation in run.bridge.invitations:
            password = f"{secrets.token_urlsafe(18)}-7a"
            tab = HttpTab()
            tab.open(invitation)
            tab.fill("invite-password", password)
            tab.fill("invite-again", password)
            tab.click("invite-submit")
            expect(tab.count("sign-out"), "工作人员的邀请没有被接受")
            run.staff.append(tab)
        staff = run.staff[0]
        staff.open(f"{run.bridge.url}/platforms/{run.bridge.registration}/exam-service")
        staff.fill("exam-service-url", run.site.url)
        staff.fill("exam-service-token", run.service.token)
        staff.click("exam-service-submit")
        expect(staff.count("exam-service-set"), "考试授权没有存下")
        step.say("令牌加密保存,页面不再显示")


def contact_exception(run: Run) -> None:
    """Moodle counts contact data; two of staff sign for it, so that the class may study meanwhile."""
    with run.journal.step("exception", "Moodle 核查联系方式并送出;两名工作人员签署例外,班次得以开课") as step:
        for task in (_SCAN, _DELIVER):
            run.site.run_task(task)
        page = f"{run.bridge.url}/institution/class-runs/{run.bridge.class_run}/contact"
        first, second = run.staff[:2]
        first.open(page)
        first.fill("exception-reason", "验收期间暂不清理,验收结束时整体删除")
        first.click("exception-submit")
        expect(first.count("contact-exception"), "例外没有填写成功")
        second.open(page)
        second.click("exception-sign")
        expect(second.status == 200, "例外没有签署成功")
        step.say("例外由一人填写、另一人签署")


def hours_open(run: Run) -> None:
    """A class hour is studied with the token of Moodle's own page; Moodle hears of it, and the page opens."""
    with run.journal.step("hours", "学员登记人脸、在课件页学满一学时;安学桥告知 Moodle,活动开放") as step:
        learner = run.school.person("learner")
        opening_steps.restrict(run, _HOUR)
        opening_steps.expect_closed(run, learner, "没有学时,活动已开放")
        _register_face(run, learner)
        camera, checks, seconds = Camera(seed=5), 0, 0
        # A slow machine loses beats, as a slow line does: what was not credited is studied once more.
        for _ in range(_MOST_SITTINGS):
            client = _sit(run, learner, camera)
            checks, seconds = checks + len(client.passed), seconds + client.today["credited_seconds"]
            if _comes_to_pass(lambda: opening_steps.is_open(run, learner), _SETTLED_SECONDS):
                break
        step.say(f"凭课件页的令牌学习,通过 {checks} 次核验,认定约 {seconds} 秒")
        opening_steps.expect_open(run, learner, f"认定约 {seconds} 秒,要求 1 学时的活动没有开放")
        opening_steps.expect_closed(run, run.school.person("other"), "另一名学员的活动也开放了")
        step.say("安学桥把整学时告知 Moodle:要求 1 学时的活动开放")


def consent_withdrawn(run: Run) -> None:
    """The learner withdraws the consent to faces: what opened by the real name stays open."""
    with run.journal.step("withdrawn", "学员撤回刷脸同意:改由工作人员监督,按实名开放的活动照常开放") as step:
        learner = run.school.person("learner")
        opening_steps.restrict(run, opening_steps.REAL_NAME)
        opening_steps.expect_open(run, learner, "撤回之前,活动没有开放")
        tab = _arrive(run, learner)
        tab.click("consent-revoke")
        tab.open(f"{run.bridge.url}/learner")
        expect("工作人员监督" in tab.text("supervision-waiting"), "撤回同意后,页面没有给出工作人员监督的方式")
        opening_steps.expect_open(run, learner, "撤回刷脸同意后,按实名开放的活动关闭了")
        tab.click("consent-agree")
        opening_steps.expect_open(run, learner, "重新同意后,活动没有开放")
        staff = run.staff[0]
        staff.open(f"{run.bridge.url}/platforms/{run.bridge.registration}/exam-service")
        said = staff.text("states-counts")
        expect("已告知 1 人次,待告知 0 人次" in said.replace("，", ","), f"安学桥页面显示:{said}")
        step.say("撤回刷脸同意不影响已开放的活动;安学桥页面显示已告知 1 人次")


def _sit(run: Run, learner: Person, camera: Camera) -> AgentClient:
    """Study on the lesson's page what is not credited yet, with the page's own token; every check is passed."""
    lesson = learner.get("/mod/page/view.php", id=run.school.lesson).agent()
    expect((lesson["activity"], lesson["attempt"]) == ("study", None), f"课件页的组件:{lesson['activity']}")
    client = AgentClient(str(lesson["bridge"]), str(lesson["token"]), camera.learner)
    client.answer_check()
    client.study(client.unseen(), lambda _today: False)
    client.leave(client.position_ms)
    expect(not client.failed, f"核验没有通过:{client.failed}")
    return client


def _comes_to_pass(condition: Callable[[], bool], seconds: float) -> bool:
    try:
        wait_for(condition, seconds, "")
    except StepFailed:
        return False
    return True


def _register_face(run: Run, learner: Person) -> None:
    tab = _arrive(run, learner)
    if tab.count("consent-agree"):
        tab.click("consent-agree")
    replies = HttpWalk().capture_face(tab, run.bridge.url)
    expect(replies and replies[-1]["done"], "人脸没有登记成功")


def _arrive(run: Run, learner: Person) -> HttpTab:
    """Return the learner's window on their page of the bridge, entered from Moodle."""
    page = learner.launch("/mod/lti/launch.php", id=run.school.entry)
    expect(page.url.startswith(f"{run.bridge.url}/learner"), f"没有进入安学桥:{page.url} {page.said}")
    tab = learner.tab()
    tab.open(page.url)
    return tab
