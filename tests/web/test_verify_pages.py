"""The public verify page: what was printed, masked; signatures, status and proof; a file is compared and not kept."""

import io
import json
import re

from bridge.completion.life_model import PaperChangeKind
from bridge.completion.paper_number import new_number, new_verify_code
from bridge.kernel.ids import LearnerRef
from bridge.ledger.paper_proof import check_paper_proof
from bridge.wiring.ledger_jobs import seal_now
from tests.web.furnished import CHEN, CHEN_ID, ORG, Furnished, token

Finished = tuple[Furnished, str, LearnerRef, str]


def path_of(finished: Finished) -> str:
    house, _account, learner, number = finished
    (paper,) = [one for one in house.papers(learner) if one.number == number]
    return f"/verify/{number}/{paper.verify_code}"


def pdf_of(finished: Finished) -> bytes:
    house, _account, learner, _number = finished
    with house.house.uow.for_institution(ORG, read_only=True) as tx:
        return house.house.at(tx).completion.pdf(house.papers(learner)[0])


def bare(page: str) -> str:
    """Return a page without its form token, which is another each time."""
    return re.sub(r'name="csrf_token" value="[^"]+"', "", page)


def test_number_and_code_show_every_printed_field_masked(finished: Finished) -> None:
    house, _account, learner, _number = finished

    page = house.client().get(path_of(finished)).text

    paper = house.papers(learner)[0]
    assert paper.sha256 in page
    assert "陈*安" in page
    assert "440***********1219" in page
    assert CHEN not in page
    assert CHEN_ID not in page
    for _code, label, value in paper.printed["fields"]:
        assert label in page
        assert value is None or value in page


def test_both_seals_are_shown_valid_and_named_as_of_a_test_ca(finished: Finished) -> None:
    house, *_ = finished

    page = house.client().get(path_of(finished)).text

    for field in ("institution", "operator"):
        assert f'data-field="{field}" data-intact="yes" data-trusted="yes"' in page
    assert 'data-testid="verify-trial-seals"' in page
    assert "安学桥测试CA" in page


def test_the_demonstrations_paper_says_that_it_proves_nothing(finished: Finished) -> None:
    house, *_ = finished

    page = house.client().get(path_of(finished)).text

    assert 'data-testid="verify-mark"' in page
    assert 'data-testid="verify-status">演示·无效<' in page


def test_a_number_is_found_however_it_is_typed(finished: Finished) -> None:
    house, _account, _learner, number = finished
    code = path_of(finished).rpartition("/")[2]
    typed = {"number": number.lower().replace("-", " "), "code": f" {code[:4].lower()}-{code[4:]} "}

    answer = house.client().get("/verify", query_string=typed)

    assert (answer.status_code, answer.location) == (303, path_of(finished))


def test_a_number_without_a_code_asks_for_it_whether_or_not_there_is_such_a_paper(finished: Finished) -> None:
    house, _account, _learner, number = finished
    other = new_number("440100", 2026)
    client = house.client()

    known, unknown = (client.get(f"/verify/{one}") for one in (number, other))

    assert known.status_code == unknown.status_code == 200
    assert bare(known.text).replace(number, "#") == bare(unknown.text).replace(other, "#")


def test_a_wrong_code_and_an_unknown_number_get_one_and_the_same_answer(finished: Finished) -> None:
    house, _account, _learner, number = finished
    client = house.client()
    client.get("/verify")  # with the first answer comes the session
    other, wrong = new_number("440100", 2026), new_verify_code()
    paths = (
        f"/verify/{number}/{wrong}",
        f"/verify/{other}/{wrong}",
        f"/verify/{number}/x",
        f"/verify/{other}/x",
    )

    answers = [client.get(path + end) for path in paths for end in ("", "/proof.json", "/credential.jwt")]

    assert {one.status_code for one in answers} == {404}
    assert len({bare(one.text) for one in answers}) == 1
    assert len({tuple(sorted(one.headers.keys())) for one in answers}) == 1
    assert 'data-testid="verify-unknown"' in answers[0].text


def test_an_unknown_number_is_a_friendly_404(finished: Finished) -> None:
    house, *_ = finished

    for path in ("/verify/440100-2026-00000-00000-00000-0", "/verify/%3Cscript%3E", "/verify?number=1"):
        answer = house.client().get(path)
        assert answer.status_code == 404
        assert 'data-testid="verify-unknown"' in answer.text
        assert "<script>" not in answer.text


def test_the_issued_file_is_told_from_a_changed_one(finished: Finished) -> None:
    house, *_ = finished
    path, pdf = path_of(finished), pdf_of(finished)

    def compare(content: bytes) -> str:
        client = house.client()
        data = {"csrf_token": token(client, path), "pdf": (io.BytesIO(content), "paper.pdf")}
        return client.post(path, data=data).text

    assert 'data-testid="verify-same"' in compare(pdf)
    assert 'data-testid="verify-different"' in compare(pdf[:-1] + b"?")
    assert 'data-testid="verify-no-file"' in compare(b"")


def test_a_file_alone_finds_its_paper_and_a_changed_byte_breaks_its_seal(finished: Finished) -> None:
    house, _account, learner, number = finished
    first = house.papers(learner)[0]
    pdf = pdf_of(finished)
    client = house.client()

    def upload(content: bytes) -> tuple[int, str]:
        data = {"csrf_token": token(client, "/verify"), "pdf": (io.BytesIO(content), "paper.pdf")}
        answer = client.post("/verify", data=data)
        return answer.status_code, answer.text

    status, page = upload(pdf)
    assert status == 200
    assert first.number in page
    assert 'data-testid="verify-same"' in page
    changed = bytearray(pdf)
    changed[len(pdf) // 3] ^= 1
    status, page = upload(bytes(changed))
    assert (status, 'data-testid="verify-stranger" data-state="broken"' in page) == (404, True)
    assert number not in page
    status, page = upload(b"no PDF at all")
    assert (status, 'data-testid="verify-wrong-file"' in page) == (422, True)
    status, page = upload(b"")
    assert (status, 'data-testid="verify-no-file"' in page) == (422, True)


def test_the_page_shows_where_the_ledger_is_sealed_and_hands_the_proof_out(finished: Finished) -> None:
    house, _account, _learner, number = finished
    seal_now(house.house, ORG)

    page = house.client().get(path_of(finished)).text
    answer = house.client().get(f"{path_of(finished)}/proof.json")

    assert 'data-testid="verify-inclusion" data-holds="yes"' in page
    keys = {one.public.id: one.public for one in house.house.ledger_keys.known()}
    found = check_paper_proof(answer.data, keys)
    assert found.statement["number"] == number
    assert found.head.head.root in page
    assert not {"ledger", "leaves"} & set(json.loads(answer.data))
    for personal in (CHEN, CHEN_ID):
        assert personal not in answer.text


def test_a_revoked_paper_says_so_and_why_at_once(finished_alone: Finished) -> None:
    house, _account, _learner, number = finished_alone
    with house.house.uow.for_institution(ORG) as tx:
        change = house.house.at(tx).paper_life.propose(
            number, PaperChangeKind.REVOKE, reason="false_proof", by="staff_a"
        )
    with house.house.uow.for_institution(ORG) as tx:
        house.house.at(tx).paper_life.confirm(change.id, "staff_b")

    page = house.client().get(path_of(finished_alone)).text

    assert 'data-testid="verify-because"' in page
    assert "已撤销" in page
    assert "证明内容不实" in page
