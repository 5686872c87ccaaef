"""An institution's own numbers and template, from the operator's command to the verify page."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from bridge.commands.papers import papers
from bridge.completion.life_model import PaperChangeKind
from bridge.kernel.ids import LearnerRef
from bridge.kernel.time import legal_date
from bridge.wiring import House
from plugins.completion.paper_picture import text_of
from plugins.completion.typst_pdf import TEMPLATE
from tests.web.furnished import ORG, RUN, Furnished

Finished = tuple[Furnished, str, LearnerRef, str]


class Kept(House):
    """The furnished house for a command, which may not close it."""

    def __init__(self, house: House) -> None:
        self.__dict__.update(house.__dict__)

    def close(self) -> None:
        pass


@pytest.fixture
def command(finished_alone: Finished, monkeypatch: pytest.MonkeyPatch) -> Any:
    house = finished_alone[0].house
    monkeypatch.setattr(House, "build", lambda *_args, **_more: Kept(house))

    def run(*args: str) -> Result:
        return CliRunner().invoke(papers, [*args, "--institution", ORG])

    return run


def test_own_numbers_and_template_are_previewed_and_then_on_the_next_paper(
    finished_alone: Finished, command: Any, tmp_path: Path
) -> None:
    house, _account, learner, number = finished_alone
    own = tmp_path / "own.typ"
    own.write_text(TEMPLATE.replace("扫码查验本文件的全部内容", "扫码查验（示例版式）"), encoding="utf-8")
    lin = house.as_staff("staff-lin")
    class_page = f"/institution/class-runs/{RUN}/papers"
    assert 'data-testid="next-number"' not in lin.get(class_page).text

    previewed = command("numbers", "--prefix", "AXPX", "--preview")
    assert (previewed.exit_code, "AXPX-2026-000001-" in previewed.output) == (0, True)
    assert "随附的编号" in command("numbers").output
    assert command("numbers", "--prefix", "AXPX").exit_code == 0
    assert "现行" in command("numbers").output
    assert command("template", str(own)).exit_code == 0

    specimen = text_of(lin.get("/institution/papers/specimen-hour_certificate.pdf").data)[1]
    assert "AXPX-2026-000001-" in specimen
    assert "扫码查验（示例版式）" in specimen
    assert "AXPX-2026-000001-" in lin.get(class_page).text

    with house.house.uow.for_institution(ORG) as tx:
        life = house.house.at(tx).paper_life
        kind = PaperChangeKind.SUPERSEDE
        change = life.propose(number, kind, reason="printing_fault", by="staff_a")
        life.confirm(change.id, "staff_b")
    new = next(one for one in house.papers(learner) if one.status == "valid" and one.number != number)
    assert new.number.startswith(f"AXPX-{legal_date(house.clock.now()).year}-")
    printed = text_of(house.house.certificate_pdf(ORG, new.number))[1]
    assert "扫码查验（示例版式）" in printed
    assert new.number in printed
    typed = {"number": new.number.lower().replace("-", " "), "code": new.verify_code.lower()}
    shown = house.app.test_client().get("/verify", query_string=typed, follow_redirects=True)
    assert (shown.status_code, new.number in shown.text) == (200, True)
    assert house.app.test_client().get(f"/verify/{new.number}/{'0' * 8}").status_code == 404


def test_a_scheme_that_cannot_be_is_refused_with_its_reason(command: Any) -> None:
    for args, reason in (
        (("--prefix", "AXIL"), "paper_prefix_malformed"),
        (("--prefix", "AXPX", "--from", "2020-01-01"), "paper_scheme_past"),
    ):
        refused = command("numbers", *args)
        assert (refused.exit_code, reason in refused.output) == (1, True)
    assert command("numbers", "--prefix", "AXPX", "--standard").exit_code == 2


def test_a_template_that_leaves_out_the_mark_is_refused_and_the_old_one_stays(
    command: Any, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.typ"
    bad.write_text(TEMPLATE.replace("paper.verify_code)", '"00000001")'), encoding="utf-8")
    refused = command("template", str(bad))
    assert (refused.exit_code, "template_leaves_out" in refused.output) == (1, True)
    assert "扫码查验本文件的全部内容" in command("template", "--show").output
