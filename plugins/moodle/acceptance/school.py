"""What one run makes in a Moodle: course, people, lesson, gated quiz, the bridge as a tool. Removed at the end."""

import csv
import json
import re
import secrets
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from plugins.moodle.acceptance.person import Page, Person
from plugins.moodle.acceptance.site import Site, WebService, token_of
from plugins.simulators.demonstration.steps import StepFailed, expect

_ROLE = "anxuebridge"
_CAPABILITIES = (
    "local/anxue:manageexams",
    "local/anxue:setlearnerstate",
    "local/anxue:viewhealth",
    "local/anxue:backfill",
    "webservice/rest:use",
    "moodle/webservice:createtoken",
)


@dataclass(slots=True)
class School:
    """What one run makes in a Moodle.

    Args:
        site: the Moodle.
        admin: an administrator who is logged in.
        mark: what every name of this run begins with.
    """

    site: Site
    admin: Person
    mark: str = field(default_factory=lambda: f"anxue{secrets.token_hex(3)}")
    password: str = field(default_factory=lambda: f"Aa1-{secrets.token_urlsafe(12)}")
    course: int = 0
    lesson: int = 0
    quiz: int = 0
    tool: int = 0
    entry: int = 0
    guarded: int = 0
    gate: int = 0
    client_id: str = ""
    _people: dict[str, int] = field(default_factory=dict)

    def login(self, who: str) -> str:
        """Return the user name of "learner", "other", "teacher" or "bridge"."""
        return f"{self.mark}_{who}"

    def person(self, who: str) -> Person:
        """Return a new browser in which that person is logged in."""
        return Person(self.site.url).log_in(self.login(who), self.password)

    def sub(self, who: str) -> int:
        """Return a person's user id, which is their LTI sub."""
        return self._people[who]

    # ---- what is made --------------------------------------------------------------------------------------

    def make_course(self) -> None:
        """Make the course, its people and their enrolments by Moodle's own upload scripts."""
        self._upload(
            "admin/tool/uploadcourse/cli/uploadcourse.php",
            ["shortname", "fullname", "category", "enablecompletion"],
            [[self.mark, f"安学桥验收 {self.mark}", "1", "1"]],
            "--mode=createnew",
        )
        page = self.admin.get("/course/search.php", search=self.mark)
        self.course = _number(page, r"/course/view\.php\?id=(\d+)", "课程没有建成")
        rows = [
            ["learner", "晓安", "陈", "19900003001", "示例路 1 号", "student"],
            ["other", "四", "李", "", "", "student"],
            ["teacher", "老师", "陈", "", "", "editingteacher"],
        ]
        self._upload(
            "admin/tool/uploaduser/cli/uploaduser.php",
            ["username", "password", "firstname", "lastname", "email", "phone1", "address", "course1", "role1"],
            [
                [self.login(who), self.password, first, last, f"{self.login(who)}@lms.example", phone, address,
                 self.mark, role]
                for who, first, last, phone, address, role in rows
            ],
        )  # fmt: skip
        for who in ("learner", "other", "teacher"):
            self._people[who] = self._user_id(who)

    def make_lesson(self) -> None:
        """Add a page that is completed by viewing it."""
        self.lesson = self._add("page", {"name": "第一课 触电急救", "page[text]": "<p>正文</p>", "completion": "2",
                                         "completionview": "1"})  # fmt: skip

    def make_guarded(self) -> None:
        """Add a page that the run opens and closes by what the bridge says."""
        self.guarded = self._add("page", {"name": "第二课 实名后开放", "page[text]": "<p>正文</p>"})

    def make_quiz(self) -> None:
        """Add a quiz behind the gate, with one true/false question."""
        fields = {"name": "结业测试", "anxuerequired": "1", "questionsperpage": "0", "grade": "100"}
        self.quiz = self._add("quiz", fields)
        bank = self.admin.get("/question/edit.php", cmid=self.quiz)
        category = _number(bank, r'name="category" value="(\d+)[,"]|[?&;]cat(?:egory)?=(\d+)', "没有题库分类")
        back = f"/mod/quiz/edit.php?cmid={self.quiz}"
        page = self.admin.get(
            "/question/bank/editquestion/question.php",
            qtype="truefalse", category=category, cmid=self.quiz, returnurl=back, appendqnumstring="addquestion",
        )  # fmt: skip
        texts = {"name": "q1", "questiontext[text]": "<p>发现有人触电,应先断电。</p>", "correctanswer": "1"}
        done = self.admin.submit(page, page.form("question.php"), texts, "submitbutton")
        expect("/mod/quiz/edit.php" in done.url, f"题目没有加入测验:{done.said}")

    def make_tool(self, bridge: str) -> None:
        """Add the bridge as an LTI 1.3 tool of the site, and make it the one that the plugins know."""
        page = self.admin.get(
            "/mod/lti/typessettings.php", action="add", tab="configuration", sesskey=self.admin.sesskey
        )
        name = f"安学桥 {self.mark}"
        self.admin.submit(page, page.form("typessettings.php", holding="lti_typename"), {
            "lti_typename": name, "lti_toolurl": f"{bridge}/lti/launch", "lti_ltiversion": "1.3.0",
            "lti_keytype": "JWK_KEYSET", "lti_publickeyset": f"{bridge}/lti/jwks",
            "lti_initiatelogin": f"{bridge}/lti/login", "lti_redirectionuris": f"{bridge}/lti/launch",
            "lti_coursevisible": "1",
        }, "submitbutton")  # fmt: skip
        tools = [tool for tool in self.admin.ask("mod_lti_get_tool_types", {}) if tool["name"] == name]
        expect(len(tools) == 1, "LTI 工具没有建成")
        self.tool, self.client_id = int(tools[0]["id"]), str(tools[0]["clientid"])

    def make_entry(self) -> None:
        """Add the activity that opens the bridge."""
        self.entry = self._add("lti", {"name": "安学桥 实名与人脸"}, typeid=self.tool)

    def make_gate(self, class_run: str, unit: str) -> None:
        """Add the activity that opens the bridge's gate of the test."""
        chosen = f"anxue_item=gate\nanxue_class_run={class_run}\nanxue_unit={unit}"
        fields = {"name": "安学桥 考试入口", "instructorcustomparameters": chosen}
        self.gate = self._add("lti", fields, typeid=self.tool)

    def make_service_user(self) -> WebService:
        """Make the user with whose token the bridge calls; return the way in."""
        page = self.admin.get("/admin/roles/define.php", action="add")
        page = self.admin.submit(page, page.form("define.php"), {"resettype": "none"}, "submitbutton")
        allowed = dict.fromkeys(_CAPABILITIES, "1")
        named = {"shortname": f"{self.mark}{_ROLE}", "name": f"安学桥服务 {self.mark}", "contextlevel10": "1"}
        self.admin.submit(page, page.form("define.php", holding="shortname"), named | allowed, "savechanges")
        self._upload(
            "admin/tool/uploaduser/cli/uploaduser.php",
            ["username", "password", "firstname", "lastname", "email", "sysrole1"],
            [[self.login("bridge"), self.password, "服务", "安学桥", f"{self.login('bridge')}@lms.example",
              f"{self.mark}{_ROLE}"]],
        )  # fmt: skip
        self._people["bridge"] = self._user_id("bridge")
        services = self.admin.get("/admin/settings.php", section="externalservices")
        for row in services.document.xpath('//tr[.//a[contains(@href, "service_users.php")]]'):
            if "local_anxue" in row.text_content():
                link = next(href for href in row.xpath(".//a/@href") if "service_users.php" in href)
                fields = {"id": _query(link, "id"), "add": "1", "sesskey": self.admin.sesskey,
                          "addselect[]": self._people["bridge"]}  # fmt: skip
                self.admin.post(link, fields)
                return token_of(self.site, self.login("bridge"), self.password, "local_anxue")
        raise StepFailed("Moodle 中没有外部服务 local_anxue")

    def activities(self, course: int, module: str) -> list[int]:
        """Return the course module ids of one kind in a course."""
        state = json.loads(self.admin.ask("core_courseformat_get_state", {"courseid": course}))
        return [int(cm["id"]) for cm in state["cm"] if cm["module"] == module]

    # ---- what is taken away --------------------------------------------------------------------------------

    def remove(self) -> None:
        """Delete the course, the people, the tool and the role of this run, as far as they were made."""
        if self.course:
            self.delete_course(self.course)
        if self._people:
            self._upload(
                "admin/tool/uploaduser/cli/uploaduser.php",
                ["username", "deleted"],
                [[self.login(who), "1"] for who in self._people],
                "--uutype=3", "--uuallowdeletes=1",
            )  # fmt: skip
        if self.tool:
            self.admin.get(
                "/mod/lti/typessettings.php", action="delete", id=self.tool, sesskey=self.admin.sesskey
            )
        roles = self.admin.get("/admin/roles/manage.php")
        for row in roles.document.xpath("//tr"):
            if f"{self.mark}{_ROLE}" in row.text_content():
                link = next(href for href in row.xpath(".//a/@href") if "action=delete" in href)
                page = self.admin.get(link)
                self.admin.submit(page, page.form("manage.php", holding="confirm"), {})

    def delete_course(self, course: int) -> None:
        """Delete a course for good."""
        quietly = ("--non-interactive", "--disablerecyclebin")
        self.site.cli("admin/cli/delete_course.php", f"--courseid={course}", *quietly)

    # ---- how -----------------------------------------------------------------------------------------------

    def _add(self, module: str, fields: dict[str, str], **params: int) -> int:
        """Add an activity by its form; return its course module id."""
        before = self.activities(self.course, module)
        page = self.admin.get(
            "/course/modedit.php", add=module, type="", course=self.course, section=0, **params
        )
        done = self.admin.submit(page, page.form("modedit.php", holding="name"), fields, "submitbutton2")
        found = [one for one in self.activities(self.course, module) if one not in before]
        expect(len(found) == 1, f"{module} 没有建成:{done.said}")
        return found[0]

    def _upload(self, script: str, head: list[str], rows: list[list[str]], *arguments: str) -> None:
        with tempfile.TemporaryDirectory(prefix="anxue-acceptance-") as folder:
            path = Path(folder) / "rows.csv"
            with path.open("w", encoding="utf-8", newline="") as file:
                csv.writer(file).writerows([head, *rows])
            path.parent.chmod(0o755)
            done = self.site.cli(script, f"--file={path}", *arguments)
        expect(
            "error" not in done.stdout.lower().replace("errors: 0", ""),
            f"{script}:{done.stdout.strip()[-300:]}",
        )

    def _user_id(self, who: str) -> int:
        users = self.admin.ask(
            "core_user_get_users_by_field", {"field": "username", "values": [self.login(who)]}
        )
        expect(len(users) == 1, f"用户 {self.login(who)} 没有建成")
        return int(users[0]["id"])


def _number(page: Page, pattern: str, otherwise: str) -> int:
    found = re.search(pattern, page.text)
    if found is None:
        raise StepFailed(f"{otherwise}:{page.said}")
    return int(next(group for group in found.groups() if group))


def _query(url: str, name: str) -> str:
    return parse_qs(urlsplit(url).query)[name][0]
