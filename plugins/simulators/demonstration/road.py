"""The road of one learner, step by step in the order of the law; who walks it is a `Walker`."""

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from bridge.kernel.canonical import sha256_hex
from bridge.kernel.time import SystemClock, legal_date
from plugins.simulators.demonstration.cameras import MOVES_ZH
from plugins.simulators.demonstration.cast import Cast
from plugins.simulators.demonstration.http_walk import figures_in, window
from plugins.simulators.demonstration.processes import Town
from plugins.simulators.demonstration.steps import Journal, expect, wait_for
from plugins.simulators.demonstration.walker import Figures, Person, Tab, Walker
from plugins.simulators.demonstration.wrong_ways import send_score_without_presence, tell_faces_apart

ONLINE_SECONDS = 2 * 45 * 60
"""What the demonstration's outline asks for online: 2 class hours."""

_MARGIN_SECONDS = 10
_EXIT_CHECK_SECONDS = 30
_PASSWORD_BYTES = 12
_NEWS_SECONDS = 90
_MOST_ATTEMPTS = 3


@dataclass(slots=True)
class Road:
    """Walks all steps and keeps what later steps and the report need.

    Args:
        folder: for what the road itself makes, e.g. the attendance sheet.
    """

    town: Town
    walker: Walker
    cast: Cast
    journal: Journal
    folder: Path
    institution: str = ""
    class_run: str = ""
    passwords: dict[str, str] = field(default_factory=dict)
    learner: str = ""
    refusals: dict[str, str] = field(default_factory=dict)
    number: str = ""
    verify_path: str = ""

    def prepare(self, loaded: dict[str, Any]) -> None:
        """Accept the staff's invitations over HTTP, each with a password of its own."""
        self.institution, (self.class_run, *_) = loaded["institution"], loaded["class_runs"]
        for invitation in loaded["invitations"]:
            login, password = invitation["login"], f"{secrets.token_urlsafe(_PASSWORD_BYTES)}-7a"
            with window() as tab:
                tab.open(invitation["url"])
                tab.fill("invite-password", password)
                tab.fill("invite-again", password)
                tab.click("invite-submit")
                expect(tab.count("sign-out"), f"账号 {login} 的邀请没有被接受")
            self.passwords[login] = password

    def walk(self) -> None:
        """Walk the road up to the receipts; the first step that fails ends it."""
        with self.walker.visitor() as tab:
            self._identity(tab)
            self._presence(tab)
            self._study(tab)
            self._test(tab)
            self._certificate(tab)
            self._offline()
            self._completion(tab)
        self._report_to_authority()

    # 3.2 ------------------------------------------------------------------------------------------------

    def _identity(self, tab: Tab) -> None:
        learner = self.cast.learner
        with self.journal.step("launch", "学员从学习平台进入安学桥(LTI 1.3)") as step:
            self._launch(tab, learner)
            step.say("已建立会话;联系方式在入口处被去除")
            self.walker.picture(tab, "learner-start")
        with self.journal.step("consent", "单独同意处理人脸信息"):
            tab.click("consent-agree")
            expect(tab.values("step-consent", "data-state") == ["done"], "同意没有被记录")
        with self.journal.step("citizen_id_refused", "身份证号码校验位错误,被拒绝") as step:
            wrong = learner.citizen_id[:-1] + str((int(learner.citizen_id[-1]) + 1) % 10)
            step.say(self._refused(tab, Person(learner.user, learner.name, wrong), "citizen_id_check_digit"))
            self.walker.picture(tab, "real-name-refused")
        with (
            self.journal.step("stranger_refused", "名单之外的人,被拒绝") as step,
            self.walker.visitor() as other,
        ):
            self._launch(other, self.cast.stranger)
            step.say(self._refused(other, self.cast.stranger, "not_on_enrolment_list"))
        with self.journal.step("real_name", "学员实名登记,与报名名单核对") as step:
            self._type_name(tab, learner)
            step.say(f"页面只显示 {tab.text('real-name-masked')}")
        with (
            self.journal.step("second_account_refused", "同一人用第二个账号登记,被拒绝") as step,
            window() as other,
        ):
            second = Person(self.cast.second_account, learner.name, learner.citizen_id)
            self._launch(other, second)
            step.say(self._refused(other, second, "person_already_bound"))

    def _launch(self, tab: Tab, person: Person) -> None:
        tab.open(self.town.lms_url)
        tab.click(f"user-{person.user}")
        tab.click("launch-entry")
        expect(tab.count("step-consent"), "没有进入安学桥的学员页面")

    def _type_name(self, tab: Tab, person: Person) -> None:
        tab.fill("real-name-name", person.name)
        tab.fill("real-name-id", person.citizen_id)
        tab.click("real-name-submit")

    def _refused(self, tab: Tab, person: Person, reason: str) -> str:
        self._type_name(tab, person)
        places = ("real-name-id-error", "real-name-name-error", "real-name-error")
        said = [tab.text(place) for place in places if tab.count(place)]
        expect(said and not tab.count("real-name-masked"), "没有被拒绝")
        self.refusals[reason] = said[0]
        return said[0]

    # 3.3 ------------------------------------------------------------------------------------------------

    def _presence(self, tab: Tab) -> None:
        with self.journal.step("face", "登记人脸,与报名照片比对") as step:
            replies = self.walker.capture_face(tab, self.town.bridge_url)
            asked = [reply["step"]["move"] for reply in replies if (reply["step"] or {}).get("move")]
            expect(asked and not replies[0]["anchored"], "还没有做动作就确认了身份")
            expect(replies[-1]["anchored"], "没有完成比对")
            moves = list(dict.fromkeys(MOVES_ZH[move] for move in asked))
            step.say(f"服务器依次要求:{'、'.join(moves)};做完并与报名照片一致后才确认身份")
            step.say(
                "镜头前是由一张照片变形而成的人偶:它能做动作,说明动作核验挡得住照片,挡不住按要求变形的画面"
            )
        with self.journal.step("faces_told_apart", "无人、两人、他人在镜头前,分别识别") as step:
            for sentence in tell_faces_apart(self.town, self.cast, lambda: self._figures(tab).reasons):
                step.say(sentence)
        with self.journal.step("score_refused", "没有在场记录的成绩,不予认定") as step:
            send_score_without_presence(self.town, self.cast)
            step.say("学习平台签名发来 100 分,安学桥收下消息;认定结果见台账")

    # 3.4 ------------------------------------------------------------------------------------------------

    def _study(self, tab: Tab) -> None:
        passed = missed = 0
        with self.journal.step("study", "学完两个单元(每 10 学习秒上报一次,核验时刻由服务器决定)") as step:
            for unit in (*self.cast.units, *self.cast.units):
                # The second round makes up for what was refused in the first.
                if self._figures(tab).credited_seconds >= ONLINE_SECONDS:
                    break
                url = f"{self.town.lms_url}/study/{unit}"
                checks, failed = self.walker.study(tab, url, ONLINE_SECONDS + _MARGIN_SECONDS)
                passed, missed = passed + checks, missed + failed
                self._settled(tab)
            tab.open(f"{self.town.bridge_url}/learner")
            figures = self._figures(tab)
            for reason in ("other_person", "check_missed"):
                expect(reason in figures.reasons, f"时间线上没有 {reason}")
            expect(
                figures.credited_seconds >= ONLINE_SECONDS,
                f"只计入 {figures.credited_seconds} 秒,未达到 {ONLINE_SECONDS} 秒",
            )
            step.say(f"核验通过 {passed} 次,未通过 {missed} 次")
            step.say(f"计入 {figures.credited_seconds} 秒,未计入 {figures.refused_seconds} 秒")
            self.walker.picture(tab, "progress")

    def _settled(self, tab: Tab) -> None:
        """Wait until the exit check was entered; the moments after it stay provisional until the next."""
        wait_for(
            lambda: self._figures(tab).provisional_seconds <= _EXIT_CHECK_SECONDS,
            _NEWS_SECONDS,
            "还有时间等待核验",
        )

    def _figures(self, tab: Tab) -> Figures:
        found = figures_in(tab.fetch(f"{self.town.bridge_url}/learner/progress").decode())
        return Figures(
            credited_seconds=found.get("credited", 0),
            provisional_seconds=found.get("provisional", 0),
            refused_seconds=found.get("refused", 0),
            reasons=found["reasons"],
            papers=found["papers"],
        )

    # 3.5, 3.6 -------------------------------------------------------------------------------------------

    def _test(self, tab: Tab) -> None:
        with self.journal.step("test", "参加测验:开始时和测验中都有核验") as step:
            for _ in range(_MOST_ATTEMPTS):
                url = f"{self.town.lms_url}/quiz"
                passed, failed = self.walker.take_quiz(tab, url, self.cast.answers)
                if not failed:
                    break
                step.say("有一次核验没有赶上,本次成绩不会被认定;重新参加测验")
            expect(passed >= 2 and not failed, f"核验通过 {passed} 次,未通过 {failed} 次")
            step.say(f"得分 {tab.text('score')};核验通过 {passed} 次;成绩由学习平台签名送达")

    def _certificate(self, tab: Tab) -> None:
        with self.journal.step("hour_certificate", "课程和测验完成,立即出具网络学时证明") as step:
            wait_for(lambda: self._figures(tab).papers >= 1, _NEWS_SECONDS, "没有出具网络学时证明")
            tab.open(f"{self.town.bridge_url}/learner")
            kinds = tab.values("certificate", "data-kind")
            expect(kinds == ["hour_certificate"], f"页面上的证明:{kinds}")
            (address,) = tab.values("certificate-link", "href")
            self.number = Path(address).stem
            (self.verify_path,) = tab.values("certificate-verify", "href")
            pdf = tab.fetch(f"{self.town.bridge_url}{address}")
            expect(pdf.startswith(b"%PDF-"), "下载的不是 PDF")
            step.say(f"编号 {self.number},PDF {len(pdf) // 1024} KB,SHA-256 {sha256_hex(pdf)[:16]}…")

    def _offline(self) -> None:
        address = f"{self.town.bridge_url}/institution/class-runs/{self.class_run}"
        first, second = self.cast.staff
        sheet = self.folder / "attendance-sheet.pdf"
        sheet.write_bytes(b"%PDF-1.4\n% made up for the demonstration\n%%EOF\n")
        day = legal_date(SystemClock().now()) - timedelta(days=1)
        with self.journal.step("offline", "线下课由一人登记、另一人确认") as step:
            with self._signed_in(first) as tab:
                tab.open(address)
                self.learner = tab.values("offline-learner", "value")[0]
                for name, value in (
                    ("offline-day", day.isoformat()), ("offline-starts", "09:00"), ("offline-ends", "10:30"),
                    ("offline-place", "示例教室(演示)"), ("offline-hours", "2"),
                ):  # fmt: skip
                    tab.fill(name, value)
                tab.attach("offline-sheet", sheet)
                tab.choose("offline-learner", self.learner)
                tab.click("offline-submit")
                expect(tab.count("offline-confirm-own"), "登记没有成功")
                expect(not tab.count("offline-confirm"), "登记人可以自己确认")
            with self._signed_in(second) as tab:
                tab.open(address)
                tab.click("offline-confirm")
                expect(not tab.count("offline-confirm"), "确认没有成功")
                self.walker.picture(tab, "institution")
            step.say(f"{first} 登记,{second} 确认:{day} 2 学时;登记人不能自己确认")

    def _completion(self, tab: Tab) -> None:
        with self.journal.step("completion_statement", "线上线下都完成,出具结业说明"):
            wait_for(lambda: self._figures(tab).papers >= 2, _NEWS_SECONDS, "没有出具结业说明")
            tab.open(f"{self.town.bridge_url}/learner")
            self.walker.picture(tab, "learner-done")

    @contextmanager
    def _signed_in(self, login: str) -> Iterator[Tab]:
        with self.walker.visitor() as tab:
            tab.open(f"{self.town.bridge_url}/sign-in")
            tab.fill("sign-in-login", login)
            tab.fill("sign-in-password", self.passwords[login])
            tab.click("sign-in-submit")
            expect(tab.count("sign-out"), f"{login} 没有登录成功")
            yield tab

    # 3.6, 3.8 -------------------------------------------------------------------------------------------

    def _report_to_authority(self) -> None:
        with (
            self.journal.step("receipt", "报送省级平台(模拟器),回执显示在本市监管页面") as step,
            self._signed_in(self.cast.officials[0]) as tab,
        ):

            def all_received() -> bool:
                tab.open(f"{self.town.bridge_url}/authority")
                states = tab.values("batch-state", "data-state")
                return bool(states) and set(states) == {"accepted"}

            wait_for(all_received, _NEWS_SECONDS, "没有收到全部批次的回执")
            self.walker.picture(tab, "authority")
            pages, records = tab.values("to-report", "href"), list[str]()
            for page in pages:
                tab.open(f"{self.town.bridge_url}{page}")
                records += tab.values("batch-record", "data-state")
            expect(set(records) == {"accepted"}, f"记录的结论:{records}")
            step.say(f"{len(pages)} 个批次、{len(records)} 条记录全部被接收")

    def look_from_outside(self) -> None:
        """Look at what others see: another city's official nothing, the public the certificate."""
        other = self.cast.officials[1]
        with (
            self.journal.step("other_city", "外市的监管人员看不到本市数据") as step,
            self._signed_in(other) as tab,
        ):
            tab.open(f"{self.town.bridge_url}/authority")
            expect(not tab.count("batch") and not tab.count("authority-class-run"), "外市看到了本市的数据")
            step.say(f"{other} 的页面:{tab.text('authority-empty')}")
        with (
            self.journal.step("verify", "任何人凭编号和校验码查验证明") as step,
            self.walker.visitor() as tab,
        ):
            tab.open(f"{self.town.bridge_url}{self.verify_path}")
            expect(tab.text("verify-number") == self.number, "查验页的编号不一致")
            step.say(f"PDF 的 SHA-256:{tab.text('verify-sha256')[:16]}…")
            self.walker.picture(tab, "verify")


def refused_tests(ledger: Path) -> list[list[str]]:
    """Return the reasons of each test that the ledger file says was refused."""
    entries = [json.loads(line) for line in ledger.read_text().splitlines()[1:]]
    return [
        list(entry["data"]["reasons"])
        for entry in entries
        if entry["kind"] == "test" and entry["data"]["decision"] == "refused"
    ]
