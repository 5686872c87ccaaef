from datetime import UTC, datetime

import pytest

from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import ClassRunId, LearnerRef
from bridge.reporting.model import Action, BatchHeader, Record, RecordKind
from plugins.reporting.guangdong import gate as gates
from plugins.reporting.guangdong.batch_xml import GuangdongBatches
from plugins.reporting.guangdong.gate import gate
from plugins.reporting.guangdong.safe_xml import XmlRefused

FORMAT = GuangdongBatches()
HEADER = BatchHeader("batch_1", "anxue", "440100", "91440101MA59EXAMPX", datetime(2026, 11, 23, tzinfo=UTC))
LEARNER = {
    "LearnerNumber": "lr_1",
    "ClassRun": "cr_1",
    "Name": "陈晓安",
    "CitizenId": "440106199001011236",
    "Employer": "",
    "EnrolledOn": "2026-11-02",
}


@pytest.fixture(autouse=True, params=["at once", "as a stream"])
def _read(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test of this file in both ways in which the gate reads."""
    if request.param == "as a stream":
        monkeypatch.setattr(gates, "LARGEST_AT_ONCE", 0)


def _batch(*learners: dict[str, str]) -> bytes:
    records = [
        (Record(RecordKind.LEARNER, f"n{i}", 1, LearnerRef("lr_1"), ClassRunId("cr_1"), {}), values)
        for i, values in enumerate(learners)
    ]
    return FORMAT.build(HEADER, records).content


def _refusal(batch: bytes) -> str:
    with pytest.raises(XmlRefused) as refused:
        gate(batch)
    return refused.value.code


def test_a_sound_batch_passes_with_its_count() -> None:
    assert gate(_batch(LEARNER, LEARNER)) == 2
    assert FORMAT.faults(_batch(LEARNER)) == ()


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"CitizenId": "12"}, "CitizenId", "“公民身份号码”格式不符合规定"),
        ({"Name": ""}, "Name", "“姓名”"),
        ({"EnrolledOn": "2026-02-30"}, "EnrolledOn", "“报名日期”"),
        ({"Employer": "长" * 201}, "Employer", "“工作单位”超过允许的长度"),
    ],
)
def test_a_refused_record_is_explained_by_line_and_field_without_its_value(
    change: dict[str, str], field: str, words: str
) -> None:
    batch = _batch(LEARNER, {**LEARNER, **change})
    assert _refusal(batch) == "schema"
    fault = FORMAT.faults(batch)[0]
    assert (fault.number, fault.field) == ("Learner/n1", field)
    assert words in fault.sentence_zh
    assert fault.line is not None
    assert f"<{field}" in batch.decode().splitlines()[fault.line - 1]
    assert not any(value in fault.sentence_zh for value in change.values() if value)


def test_a_missing_field_is_named() -> None:
    (fault,) = FORMAT.faults(_batch({k: v for k, v in LEARNER.items() if k != "CitizenId"}))
    assert fault.number == "Learner/n0"
    assert "公民身份号码" in fault.sentence_zh or "工作单位" in fault.sentence_zh


@pytest.mark.parametrize(
    ("batch", "code"),
    [
        (b"", "malformed"),
        (b"<x", "malformed"),
        (b"<x/>", "schema"),
        (b'<!DOCTYPE b [<!ENTITY e "x">]><b>&e;</b>', "doctype"),
        ("<Batch/>".encode("utf-16"), "not_utf8"),
        (b'<?xml version="1.0" encoding="GBK"?><Batch/>', "not_utf8"),
    ],
)
def test_what_is_no_batch_is_refused(batch: bytes, code: str) -> None:
    with pytest.raises(XmlRefused) as refused:
        gate(batch)
    assert refused.value.code in {code, "schema"} if code == "malformed" else refused.value.code == code
    assert FORMAT.faults(batch)


def test_a_wrong_count_a_repeated_record_and_too_many_are_refused() -> None:
    sound = _batch(LEARNER, LEARNER)
    assert _refusal(sound.replace(b"<RecordCount>2", b"<RecordCount>3")) == "count_wrong"
    assert _refusal(sound.replace(b'number="n1"', b'number="n0"')) == "record_repeated"
    assert _refusal(_batch(*[LEARNER] * 1001)) == "too_many_records"


def test_a_control_character_is_refused_before_it_reaches_the_file() -> None:
    with pytest.raises(InvalidInput, match="not_xml"):
        _batch({**LEARNER, "Employer": "a\x00b"})


def test_markup_in_a_value_is_text() -> None:
    batch = _batch({**LEARNER, "Employer": "</Employer><CitizenId>&lt;"})
    assert gate(batch) == 1


def test_a_record_and_its_withdrawal_in_one_batch_are_a_repetition() -> None:
    def record(number: str, action: Action) -> tuple[Record, dict[str, str]]:
        values = LEARNER if action is Action.REPORT else {"Kind": "Learner", "Reason": "entered_in_error"}
        one = Record(RecordKind.LEARNER, number, 1, LearnerRef("lr_1"), ClassRunId("cr_1"), {}, action=action)
        return one, values

    def of(*numbers: str) -> bytes:
        actions = (Action.REPORT, Action.WITHDRAW)
        return FORMAT.build(HEADER, [record(*one) for one in zip(numbers, actions, strict=True)]).content

    assert gate(of("n1", "n2")) == 2
    assert _refusal(of("n1", "n1")) == "record_repeated"


def test_a_sound_batch_of_the_usual_size_is_validated_once(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    streamed = []
    read_as_stream = gates._read_as_stream

    def count(batch: bytes, version: str) -> tuple[int, gates.Numbers]:
        streamed.append(version)
        return read_as_stream(batch, version)

    monkeypatch.setattr(gates, "_read_as_stream", count)
    assert gate(_batch(*[LEARNER] * 500)) == 500
    assert bool(streamed) is ("stream" in request.node.name)
