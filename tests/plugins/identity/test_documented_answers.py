"""`documented`: answers constructed from the vendors' documents and SDKs, read by their adapters.

Sources: Aliyun help.aliyun.com …/vatsl9lfmbwe74iv, its error-code page and the common codes of its gateway; Tencent
tencentcloud-sdk-python-faceid 3.1.179 (models.py, errorcodes.py) and the common codes of document/product/866/33528;
Baidu ai.baidu.com/ai-doc/FACE/ok3co871g, zl958mm8k and the table of 5k37c1ujz. No live service was called. Signatures
were computed once with alibabacloud-openapi-util 0.2.4 and tencentcloud-sdk-python-common 3.1.195.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from bridge.identity.provider_model import Answer, Claim, Outcome
from bridge.kernel.time import FixedClock
from lti.http import Reply
from lti.registration import NetworkPolicy
from plugins.identity import aliyun, tencent
from plugins.identity.aliyun import AliyunProvider
from plugins.identity.asking import Line
from plugins.identity.baidu import BaiduProvider
from plugins.identity.tencent import TencentProvider
from tests.identity.house import CHEN, CHEN_ID, JPEG

AT = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
TOKEN = {"access_token": "24.made-up", "expires_in": 2592000}


class Canned:
    """Gives one answer to everything, but a token to who asks for a token."""

    def __init__(self, body: Any, status: int = 200) -> None:
        self._reply = Reply(status, json.dumps(body).encode())
        self.bodies: list[bytes] = []

    def request(
        self,
        method: str,
        url: str,
        policy: NetworkPolicy,
        *,
        headers: Mapping[str, str],
        body: bytes | None = None,
    ) -> Reply:
        del method, policy, headers
        if "/oauth/" in url:
            return Reply(200, json.dumps(TOKEN).encode())
        self.bodies.append(body or b"")
        return self._reply


def read(kind: type[Any], body: Any, status: int = 200, number: str = CHEN_ID) -> Answer:
    provider = kind("id", "key", line=Line(Canned(body, status)), clock=FixedClock(AT))
    answer: Answer = provider.verify(Claim(CHEN, number, JPEG, "rnq_1"))
    return answer


def test_aliyun_signature_is_that_of_the_vendors_own_library() -> None:
    body = b"IdentifyNum=440199199003071219&ParamType=normal&UserName=%E9%99%88%E6%99%93%E5%AE%89"
    headers = {
        "host": "cloudauth.aliyuncs.com",
        "content-type": "application/x-www-form-urlencoded",
        "x-acs-action": "Id2MetaVerify",
        "x-acs-version": "2019-03-07",
        "x-acs-date": "2026-11-24T04:00:00Z",
        "x-acs-signature-nonce": "0123456789abcdef0123456789abcdef",
        "x-acs-content-sha256": hashlib.sha256(body).hexdigest(),
    }
    signed = aliyun.authorization("made-up-id", "made-up-secret", headers)
    assert signed.endswith("Signature=6b43d2cf6b6505c5deae3e160fb7de073e51d0e24855a9c83caa2d4220835efa")


def test_tencent_signature_is_that_of_the_vendors_own_library() -> None:
    body = json.dumps({"IdCard": CHEN_ID, "Name": CHEN, "ImageBase64": "/9j/4A=="}).encode()
    signed = tencent.authorization(
        "made-up-id",
        "made-up-key",
        host="faceid.tencentcloudapi.com",
        content_type="application/json",
        at=AT,
        body=body,
    )
    assert signed == (
        "TC3-HMAC-SHA256 Credential=made-up-id/2026-11-24/faceid/tc3_request, SignedHeaders=content-type;host,"
        " Signature=ab2508ad234d16e2e82f1a1c4dc4052f84681946b4b2de00716472adfe8be4ae"
    )


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        ("400", Outcome.REFUSED),
        ("401", Outcome.UNCLEAR),
        ("402", Outcome.OUTAGE),
        ("403", Outcome.QUOTA),
        ("410", Outcome.REFUSED),
        ("411", Outcome.REFUSED),
        ("412", Outcome.QUOTA),
        ("500", Outcome.OUTAGE),
    ],
)
def test_aliyun_return_codes(code: str, outcome: Outcome) -> None:
    said = {"Code": code, "Message": "…", "RequestId": "r"}
    assert read(AliyunProvider, said) == Answer(outcome, code)


@pytest.mark.parametrize(
    ("status", "code", "outcome"),
    [
        (400, "Throttling.User", Outcome.QUOTA),
        (400, "InvalidTimeStamp.Expired", Outcome.REFUSED),
        (404, "InvalidAccessKeyId.NotFound", Outcome.REFUSED),
        (403, "SignatureDoesNotMatch", Outcome.REFUSED),
        (503, "ServiceUnavailable", Outcome.OUTAGE),
        (500, "InternalError", Outcome.OUTAGE),
    ],
)
def test_aliyun_gateway_codes(status: int, code: str, outcome: Outcome) -> None:
    assert read(AliyunProvider, {"Code": code, "Message": "…"}, status) == Answer(outcome, code)


def test_aliyun_is_not_asked_for_documents_that_it_does_not_cover() -> None:
    line = Canned({})
    provider = AliyunProvider("id", "key", line=Line(line), clock=FixedClock(AT))
    answer = provider.verify(Claim(CHEN, "9" + CHEN_ID[1:], None, "rnq_1"))
    assert (answer.outcome, answer.detail) == (Outcome.UNCLEAR, "document_not_covered")
    assert line.bodies == []


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        ("FailedOperation.IdNameMisMatch", Outcome.MISMATCH),
        ("FailedOperation.IdNoExistSystem", Outcome.NO_RECORD),
        ("FailedOperation.IdPhotoNoExist", Outcome.NO_RECORD),
        ("FailedOperation.CompareLowSimilarity", Outcome.UNCLEAR),
        ("FailedOperation.LifePhotoPoorQuality", Outcome.UNCLEAR),
        ("FailedOperation.IdFormatError", Outcome.UNCLEAR),
        ("FailedOperation.CompareLibServiceUnavailable", Outcome.OUTAGE),
        ("FailedOperation.IdentityAuthLimitExceeded", Outcome.QUOTA),
        ("FailedOperation.RequestLimitExceeded", Outcome.QUOTA),
        ("RequestLimitExceeded.GlobalRegionUinLimitExceeded", Outcome.QUOTA),
        ("UnauthorizedOperation.Arrears", Outcome.QUOTA),
        ("UnauthorizedOperation.Nonactivated", Outcome.REFUSED),
        ("AuthFailure.SignatureExpire", Outcome.REFUSED),
        ("InvalidParameter", Outcome.REFUSED),
        ("InternalError", Outcome.OUTAGE),
    ],
)
def test_tencent_error_codes(code: str, outcome: Outcome) -> None:
    said = {"Response": {"Error": {"Code": code, "Message": "…"}, "RequestId": "r"}}
    assert read(TencentProvider, said) == Answer(outcome, code)


@pytest.mark.parametrize("result", ["IdNameMisMatch", "FailedOperation.IdNameMisMatch"])
def test_tencent_business_code_may_stand_in_result(result: str) -> None:
    said = {"Response": {"Sim": 0, "Result": result, "Description": "…", "RequestId": "r"}}
    assert read(TencentProvider, said).outcome is Outcome.MISMATCH


@pytest.mark.parametrize(
    ("kind", "score", "outcome"),
    [
        (TencentProvider, 69.99, Outcome.UNCLEAR),
        (TencentProvider, 70, Outcome.MATCH),
        (BaiduProvider, 79.99, Outcome.UNCLEAR),
        (BaiduProvider, 80, Outcome.MATCH),
    ],
)
def test_each_vendors_threshold_is_its_own(kind: type[Any], score: float, outcome: Outcome) -> None:
    said: dict[str, Any] = {"error_code": 0, "error_msg": "SUCCESS", "result": {"score": score}}
    if kind is TencentProvider:
        said = {"Response": {"Sim": score, "Result": "Success", "Description": "成功", "RequestId": "r"}}
    answer = read(kind, said)
    assert (answer.outcome, answer.score) == (outcome, float(score))


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        (2, Outcome.OUTAGE),
        (4, Outcome.QUOTA),
        (6, Outcome.REFUSED),
        (17, Outcome.QUOTA),
        (18, Outcome.QUOTA),
        (19, Outcome.QUOTA),
        (110, Outcome.REFUSED),
        (111, Outcome.REFUSED),
        (216100, Outcome.REFUSED),
        (222350, Outcome.NO_RECORD),
        (222351, Outcome.UNCLEAR),
        (222353, Outcome.UNCLEAR),
        (222354, Outcome.NO_RECORD),
        (222355, Outcome.NO_RECORD),
        (222360, Outcome.UNCLEAR),
        (222901, Outcome.OUTAGE),
        (223114, Outcome.UNCLEAR),
    ],
)
def test_baidu_error_codes(code: int, outcome: Outcome) -> None:
    assert read(BaiduProvider, {"error_code": code, "error_msg": "…"}) == Answer(outcome, str(code))


@pytest.mark.parametrize("kind", [AliyunProvider, TencentProvider, BaiduProvider])
@pytest.mark.parametrize(
    "said",
    [
        {},
        [],
        None,
        "match",
        {"Code": "200"},
        {"Code": "200", "ResultObject": {"BizCode": "9"}},
        {"Code": "200", "ResultObject": {"BizCode": True}},
        {"Response": {"Result": "Success"}},
        {"Response": {"Result": "Success", "Sim": "99"}},
        {"Response": {"Result": "Success", "Sim": True}},
        {"error_code": 0},
        {"error_code": 0, "result": {"score": "99"}},
        {"error_code": 0, "result": {"score": True}},
        {"error_code": False, "result": {"score": 99}},
    ],
)
def test_what_no_document_shows_is_never_a_match(kind: type[Any], said: Any) -> None:
    assert read(kind, said) == Answer(Outcome.OUTAGE, "reply_malformed")
