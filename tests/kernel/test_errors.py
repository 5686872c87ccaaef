"""Errors, citations, and what neither may claim."""

import pytest

from bridge.kernel.citation import Basis, Citation
from bridge.kernel.errors import BridgeError, InvalidInput, NotPermitted, Unavailable


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (BridgeError("broken", "请重试。"), 500),
        (InvalidInput("malformed", "请改正后重新提交。"), 400),
        (InvalidInput("too_large", "请减小文件。", http_status=413), 413),
        (NotPermitted("no_role", "请以机构人员身份登录。"), 403),
        (NotPermitted("signed_out", "请重新登录。", http_status=401), 401),
        (Unavailable("no_answer", "请稍后再试。"), 503),
    ],
)
def test_each_family_has_its_status_and_carries_code_and_sentence(error: BridgeError, status: int) -> None:
    assert error.http_status == status
    assert str(error) == f"{error.reason}: {error.message}"


def test_only_a_passing_failure_is_worth_another_try() -> None:
    assert Unavailable("no_answer", "请稍后再试。").permanent is False
    assert Unavailable("refused", "请联系管理员。", permanent=True).permanent is True


@pytest.mark.parametrize("basis", [Basis.PRACTICE, Basis.OPERATOR])
def test_a_practice_never_cites_an_article(basis: Basis) -> None:
    with pytest.raises(ValueError, match="only law and standard"):
        Citation(basis, "示例文件", "第一条")


def test_a_citation_says_when_it_is_no_law() -> None:
    assert str(Citation(Basis.LAW, "粤应急规〔2022〕3号", "第十九条")) == "粤应急规〔2022〕3号第十九条"
    assert "非法规" in str(Citation(Basis.PRACTICE, "惯例"))
    assert "运营方" in str(Citation(Basis.OPERATOR, "设定"))
