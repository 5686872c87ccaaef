"""What frames a run: the plugins that stand, the connection, what reached the bridge, PHPUnit."""

import hashlib
import re
from pathlib import Path

from bridge.settings import ROOT
from plugins.moodle.acceptance import opening_steps
from plugins.moodle.acceptance.run import Run
from plugins.simulators.demonstration.steps import StepFailed, expect, wait_for

PLACES = {
    "local_anxue": "local/anxue",
    "quizaccess_anxue": "mod/quiz/accessrule/anxue",
    "availability_anxue": "availability/condition/anxue",
}
"""Component → its folder in a Moodle."""

_PRIVACY_TEST = "privacy/tests/privacy/provider_test.php"
_DELIVER = r"\local_anxue\task\deliver"
_CRON_SECONDS = 120
_TOLD_SECONDS = 30.0
_DAY = (
    "core\\event\\course_viewed",
    "mod_page\\event\\course_module_viewed",
    "core\\event\\course_module_completion_updated",
    "mod_quiz\\event\\course_module_viewed",
    "mod_quiz\\event\\attempt_started",
    "mod_quiz\\event\\attempt_viewed",
    "mod_quiz\\event\\attempt_submitted",
    "mod_quiz\\event\\attempt_reviewed",
    "quizaccess_anxue\\event\\access_prevented",
)


def installed(run: Run) -> None:
    """The three plugins are those of this repository, and their tables are as declared."""
    with run.journal.step("installed", "三个插件已安装,与本仓库逐字节一致,数据库结构无误") as step:
        for component, place in PLACES.items():
            ours = _content(ROOT / "plugins" / "moodle" / component)
            theirs = _content(run.site.folder / place)
            different = sorted(name for name in {*ours, *theirs} if ours.get(name) != theirs.get(name))
            expect(not different, f"Moodle 中的 {component} 与本仓库不同:{different[:3]}")
        run.site.cli("admin/cli/upgrade.php", "--non-interactive")
        for component in PLACES:
            written = re.search(
                r"\$plugin->version = (\d+);",
                (ROOT / "plugins" / "moodle" / component / "version.php").read_text(encoding="utf-8"),
            )
            stands = run.site.setting("version", component)
            expect(written is not None and stands == written.group(1), f"{component} 没有装好:{stands}")
            step.say(f"{component} {stands}")
        run.site.cli("admin/cli/check_database_schema.php")
        step.say("check_database_schema.php:数据库结构与声明一致")


def connect(run: Run) -> None:
    """The site is connected to the bridge, and the plugin's own connection test finds nothing wrong."""
    with run.journal.step("connect", "在安学桥登记 Moodle,在 Moodle 填写设置,连接测试通过") as step:
        run.school.make_tool(run.bridge.url)
        run.bridge.register(run.school)
        blocked = run.site.setting("curlsecurityblockedhosts") or ""
        run.site.set("curlsecurityblockedhosts", "\n".join(_that_let_pass(blocked.split(), run.bridge.host)))
        allowed = (run.site.setting("curlsecurityallowedport") or "").split()
        run.site.set(
            "curlsecurityallowedport", "\n".join([*allowed, str(run.bridge.port)] if allowed else [])
        )
        for name, value in {
            "bridgeurl": run.bridge.url,
            "registration": run.bridge.registration,
            "secret": run.bridge.secret,
            "clientid": run.school.client_id,
            "courses": run.school.mark,
        }.items():
            run.site.set(name, value, "local_anxue")
        run.site.set("enablewebservices", "1")
        run.site.set("webserviceprotocols", "rest")
        run.site.cli("admin/cli/purge_caches.php")  # Which courses are regulated is kept in a cache.
        run.services.append(run.school.make_service_user())
        if not 0 <= run.service.call("local_anxue_site_health")["cron_age"] < _CRON_SECONDS:
            # A test site often has no clock of its own; the connection test would rightly fail without one.
            run.site.cli("admin/cli/cron.php", "--keep-alive=0")
            step.say("这个 Moodle 没有每分钟运行定时任务:本次由验收代为运行一次")
        page = run.admin.post("/local/anxue/connection.php", {"action": "run", "sesskey": run.admin.sesskey})
        rows = page.document.xpath('//table[@data-testid="connection-results"]//tr[@data-finding]')
        expect(rows, f"连接测试没有结果:{page.said}")
        wrong = [
            " ".join(row.text_content().split())
            for row in rows
            if row.xpath('.//*[contains(@class,"bg-danger")]')
        ]
        expect(not wrong, f"连接测试发现:{wrong[:3]}")
        step.say(f"连接测试 {len(rows)} 项,没有失败项")
        health = run.service.call("local_anxue_site_health")
        run.refused_before = int(health["refused"])
        step.say(
            f"site_health:Moodle {health['moodle']},插件 {health['plugin']},受监管课程 {health['regulated_courses']} 门"
        )


def enter(run: Run) -> None:
    """The learner comes to the bridge by LTI and proves the real name: Moodle hears of it, and a page opens."""
    with run.journal.step(
        "launch", "学员从课程经 LTI 1.3 进入安学桥,完成实名;安学桥告知 Moodle,活动开放"
    ) as step:
        run.school.make_entry()
        opening_steps.restrict(run, opening_steps.REAL_NAME)
        learner = run.school.person("learner")
        opening_steps.expect_closed(run, learner, "实名之前,活动已开放")
        page = learner.launch("/mod/lti/launch.php", id=run.school.entry)
        expect(page.url.startswith(f"{run.bridge.url}/learner"), f"没有进入安学桥:{page.url} {page.said}")
        name, citizen_id = run.bridge.listed_learner()
        form = page.form_of("real-name-name")
        for testid, value in (("real-name-name", name), ("real-name-id", citizen_id)):
            form.xpath(f'.//*[@data-testid="{testid}"]')[0].set("value", value)
        done = learner.submit(page, form, {})
        expect(
            done.status == 200 and not done.document.xpath('//*[@data-testid="real-name-name"]'),
            f"实名没有完成:{done.said}",
        )
        step.say("LTI 进入成功,实名与报名名单一致")
        wait_for(lambda: opening_steps.is_open(run, learner), _TOLD_SECONDS, "实名之后,活动没有开放")
        opening_steps.expect_closed(run, run.school.person("other"), "另一名学员的活动也开放了")
        step.say("安学桥把实名告知 Moodle:设了“安学桥”限制的活动对本人开放,对他人不开放")


def study(run: Run) -> None:
    """A learner's day up to the test: course, lesson, completion, the quiz's page."""
    with run.journal.step("study", "学员的一天:登录、进入课程、学习、退出") as step:
        learner = run.school.person("learner")
        for path, number in (
            ("/course/view.php", run.school.course),
            ("/mod/page/view.php", run.school.lesson),
            ("/mod/quiz/view.php", run.school.quiz),
        ):
            page = learner.get(path, id=number)
            expect(page.status == 200, f"{path}:{page.said}")
        lesson = learner.get("/mod/page/view.php", id=run.school.lesson)
        expect('"activity":"study"' in lesson.text, "课件页没有载入安学桥脚本")
        step.say("课件页已载入安学桥脚本(activity=study)")
        learner.log_out()


def delivered(run: Run) -> None:
    """What happened has reached the bridge, signed, without anything that names or reaches a person."""
    with run.journal.step(
        "delivered", "定时任务送出:安学桥收到一天的事件、成绩与信号,不含姓名和联系方式"
    ) as step:
        run.site.run_task(_DELIVER)
        received = run.bridge.received()
        missing = [event for event in _DAY if not received[f"lms.activity {event}"]]
        expect(not missing, f"安学桥没有收到:{missing};收到 {dict(received)}")
        expect(received["attempt.graded"] > 0, f"安学桥没有收到成绩:{dict(received)}")
        expect(received["lms.signal login_as"] > 0, f"安学桥没有收到以他人身份登录的信号:{dict(received)}")
        step.say(
            f"共 {sum(received.values())} 条:" + "、".join(f"{k} {n}" for k, n in sorted(received.items()))
        )
        held = run.bridge.holds(
            ["lms.example", "19900003001", "示例路", "晓安", run.school.mark + "_", "sesskey", "sessionid"]
        )
        expect(not held, f"收到的内容含有不应有的:{held}")
        health = run.service.call("local_anxue_site_health")
        expect(health["waiting"] == 0 and not health["last_fault"], f"发件箱还有未送出的:{health}")
        # The other learner sat the test without ever proving the real name: such a score has no owner.
        messages = run.admin.get("/local/anxue/messages.php")
        expect(
            health["refused"] == run.refused_before + 1 and "account_unknown" in messages.text,
            f"被拒收的不是预期的一条:{health}",
        )
        step.say("发件箱已空;只有未实名学员的成绩被拒收(account_unknown),原因留在插件的消息页")
        step.say("收到的内容没有姓名、邮箱、电话、地址、会话编号")


def phpunit(run: Run) -> None:
    """The plugins' own tests and core's privacy test pass in this Moodle."""
    with run.journal.step("phpunit_install", "准备 PHPUnit(独立的表前缀,不动网站数据)") as step:
        if not (run.site.folder / "vendor/bin/phpunit").exists():
            raise StepFailed("这个 Moodle 没有 vendor/bin/phpunit,请先按 Moodle 文档安装 PHPUnit")
        util = "admin/tool/phpunit/cli/util.php"
        state = run.site.cli(util, "--diag", check=False)
        if state.returncode != 0:
            run.site.cli(util, "--drop", check=False)
            run.site.cli(util, "--install")
        run.site.cli(util, "--buildconfig")
        step.say("环境就绪")
    for component in PLACES:
        with run.journal.step(f"phpunit_{component}", f"PHPUnit:{component}") as step:
            step.say(_tested(run, "--testsuite", f"{component}_testsuite"))
    with run.journal.step("privacy", "核心隐私测试(每个插件、每张含用户的表)") as step:
        step.say(_tested(run, _PRIVACY_TEST))


def _tested(run: Run, *what: str) -> str:
    """Run PHPUnit on a file or a suite; return its closing line.

    Raises:
        StepFailed: not every test passed.
    """
    done = run.site.cli("vendor/bin/phpunit", *what, check=False)
    last = re.search(r"^(OK \(\d+ tests.*\)|Tests: .*|.*risky.*|No tests.*)$", done.stdout, re.MULTILINE)
    words = last.group(1) if last else (done.stdout or done.stderr).strip()[-300:]
    expect(done.returncode == 0 and words.startswith("OK ("), f"{' '.join(what)}:{words}")
    return words


def _content(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _that_let_pass(blocked: list[str], host: str) -> list[str]:
    """Return the blocked hosts without those that hold this one, which is on this machine."""
    local = {"127.0.0.0/8", "127.0.0.1", "localhost", "0.0.0.0", host}  # noqa: S104 - a name in a list, no address
    return [one for one in blocked if one not in local]
