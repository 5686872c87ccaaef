"""The verify page where the file is gone or its seal is a stranger's: the register still answers."""

import io
from pathlib import Path

from sqlalchemy import update

from bridge.completion.store import CertificateRow
from bridge.db.vault import EvidenceRow
from bridge.kernel.evidence import EvidencePurpose, EvidenceScope
from bridge.kernel.ids import LearnerRef
from bridge.kernel.time import legal_date
from bridge.ledger.paper_proof import check_paper_proof
from bridge.wiring.ledger_jobs import seal_now
from tests.web.furnished import ORG, RUN, Furnished, token
from tests.web.test_verify_pages import path_of, pdf_of

Finished = tuple[Furnished, str, LearnerRef, str]


def test_a_paper_whose_file_was_disposed_of_still_shows_register_status_and_inclusion(
    finished_alone: Finished,
) -> None:
    house, _account, learner, number = finished_alone
    path, pdf = path_of(finished_alone), pdf_of(finished_alone)
    seal_now(house.house, ORG)
    scope = EvidenceScope(ORG, learner, EvidencePurpose.CERTIFICATE, RUN)
    with house.house.uow.for_institution(ORG) as tx:
        assert house.house.at(tx).vault.destroy(scope, reason="archive_expired", by="staff_b") >= 1

    answer = house.client().get(path)

    assert answer.status_code == 200
    assert 'data-testid="verify-destroyed"' in answer.text
    assert f"文件已于 {legal_date(house.clock.now())} 按规定销毁" in answer.text
    for shown in (number, "陈*安", 'data-testid="verify-inclusion" data-holds="yes"', "演示·无效"):
        assert shown in answer.text
    assert 'data-testid="verify-signature"' not in answer.text
    keys = {one.public.id: one.public for one in house.house.ledger_keys.known()}
    assert (
        check_paper_proof(house.client().get(f"{path}/proof.json").data, keys).statement["number"] == number
    )
    assert house.client().get(f"{path}/credential.jwt").status_code == 200

    client = house.client()
    form = {"csrf_token": token(client, "/verify"), "pdf": (io.BytesIO(pdf), "paper.pdf")}
    held = client.post("/verify", data=form)
    assert held.status_code == 200
    assert 'data-testid="verify-same"' in held.text
    assert held.text.count('data-intact="yes" data-trusted="yes"') == 2


def test_a_paper_whose_file_was_lost_says_so_and_shows_the_rest(finished_alone: Finished) -> None:
    house, _account, learner, number = finished_alone
    paper = next(one for one in house.papers(learner) if one.number == number)
    with house.house.uow.for_institution(ORG, read_only=True) as tx:
        row = tx.session.get(EvidenceRow, paper.evidence_id)
        assert row is not None
        name = Path(row.blob).name
    for file in Path(house.house.settings.var).rglob(f"*{name}*"):
        file.unlink()

    answer = house.client().get(path_of(finished_alone))

    assert (answer.status_code, 'data-testid="verify-lost"' in answer.text) == (200, True)
    assert number in answer.text


def test_a_seal_of_another_institution_is_told_from_the_issuers(finished_alone: Finished) -> None:
    house, _account, learner, number = finished_alone
    assert 'data-testid="verify-strangers-seal"' not in house.client().get(path_of(finished_alone)).text
    paper = next(one for one in house.papers(learner) if one.number == number)
    printed = {**paper.printed, "issuer": "另一家培训学校", "uscc": "91440101MA5OTHER00"}
    with house.house.uow.for_institution(ORG) as tx:
        tx.session.execute(
            update(CertificateRow).where(CertificateRow.number == number).values(printed=printed)
        )

    page = house.client().get(path_of(finished_alone)).text

    assert 'data-testid="verify-strangers-seal"' in page
    assert "不是签发给出具机构“另一家培训学校”的" in page


def test_the_page_says_by_whose_time_a_seal_was_judged(finished: Finished) -> None:
    house, *_ = finished
    page = house.client().get(path_of(finished)).text
    assert page.count('data-testid="verify-judged" data-by="signer"') == 2
    assert "按签章方自报的时间核对" in page
    assert "（没有时间戳）" in page
