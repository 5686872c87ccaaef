"""The public verify page: what was printed, masked; a file is compared and not kept."""

import io

from bridge.kernel.ids import LearnerRef
from tests.web.furnished import CHEN, CHEN_ID, ORG, Furnished, token

Finished = tuple[Furnished, str, LearnerRef, str]


def test_a_number_shows_every_printed_field_masked(finished: Finished) -> None:
    house, _account, learner, number = finished

    page = house.client().get(f"/verify/{number}").text

    paper = house.papers(learner)[0]
    assert paper.sha256 in page
    assert "陈*安" in page
    assert "440***********1219" in page
    assert CHEN not in page
    assert CHEN_ID not in page
    for _code, label, value in paper.printed["fields"]:
        assert label in page
        assert value is None or value in page


def test_the_demonstrations_paper_says_that_it_proves_nothing(finished: Finished) -> None:
    house, _account, _learner, number = finished

    page = house.client().get(f"/verify/{number}").text

    assert 'data-testid="verify-mark"' in page
    assert 'data-testid="verify-status">演示·无效<' in page


def test_a_number_is_found_however_it_is_typed(finished: Finished) -> None:
    house, _account, _learner, number = finished

    answer = house.client().get("/verify", query_string={"number": number.lower().replace("-", " ")})

    assert (answer.status_code, answer.location) == (303, f"/verify/{number}")


def test_an_unknown_number_is_a_friendly_404(finished: Finished) -> None:
    house, *_ = finished

    for path in ("/verify/440100-2026-00000-00000-00000-0", "/verify/%3Cscript%3E", "/verify?number=1"):
        answer = house.client().get(path)
        assert answer.status_code == 404
        assert 'data-testid="verify-unknown"' in answer.text
        assert "<script>" not in answer.text


def test_the_issued_file_is_told_from_a_changed_one(finished: Finished) -> None:
    house, _account, learner, number = finished
    path = f"/verify/{number}"
    with house.house.uow.for_institution(ORG, read_only=True) as tx:
        pdf = house.house.at(tx).completion.pdf(house.papers(learner)[0])

    def compare(content: bytes) -> str:
        client = house.client()
        data = {"csrf_token": token(client, path), "pdf": (io.BytesIO(content), "paper.pdf")}
        return client.post(path, data=data).text

    assert 'data-testid="verify-same"' in compare(pdf)
    assert 'data-testid="verify-different"' in compare(pdf[:-1] + b"?")
    assert 'data-testid="verify-no-file"' in compare(b"")
