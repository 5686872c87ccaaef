"""One mapping, two forms: the schema, the XML batch and the JSON sibling say the same; versions have their dates."""

import json
from datetime import UTC, date, datetime
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from bridge.kernel.canonical import sha256_hex
from bridge.kernel.errors import InvalidInput, Unavailable
from bridge.kernel.ids import ClassRunId, LearnerRef
from bridge.reporting.model import Action, BatchHeader, Record, RecordKind
from plugins.reporting.guangdong import safe_xml
from plugins.reporting.guangdong.batch_reading import read_batch
from plugins.reporting.guangdong.batch_xml import GuangdongBatches, digest
from plugins.reporting.guangdong.gate import gate
from plugins.reporting.guangdong.make_schema import feed_schema
from plugins.reporting.guangdong.mapping import mapping_on, mappings
from plugins.reporting.guangdong.nightly import write_nightly
from plugins.reporting.rehearsal.stand import CITY, USCC, records_of
from tests.reporting.stand import test_signer

FORMAT = GuangdongBatches(test_signer)
HEADER = BatchHeader("batch_1", "anxue", CITY, USCC, datetime(2026, 11, 23, tzinfo=UTC))
LEARNER = LearnerRef("ln_made_up")
PERSON = {"Name": "陈晓安", "CitizenId": "440199199003071219", "Employer": "示例机电 & <公司>"}
Full = list[tuple[Record, dict[str, str]]]


def full() -> Full:
    """Return a record of each kind of a learner with all values, and one that is taken back."""
    made: Full = [
        (one, {**one.fields, **(PERSON if one.kind is RecordKind.LEARNER else {})})
        for one in (
            Record(r.kind, r.number, 1, r.learner, r.class_run, r.fields) for r in records_of(LEARNER, 1)
        )
    ]
    back = Record(
        RecordKind.CHECK,
        "ck_9",
        2,
        LEARNER,
        ClassRunId("r"),
        {"Reason": "reported_twice"},
        action=Action.WITHDRAW,
    )
    return [*made, (back, {"Kind": "Check", **back.fields})]


def test_the_schema_is_what_the_mapping_makes() -> None:
    mapping = mappings()["2.0"]
    assert (safe_xml.SCHEMAS / "2.0" / "feed.xsd").read_text(encoding="utf-8") == feed_schema(mapping)
    assert set(mapping.shapes) == set(RecordKind)


def test_each_day_has_one_version_and_a_day_without_one_stops_the_feed() -> None:
    assert mapping_on(date(2026, 10, 31)).version == "1.0"
    assert mapping_on(date(2026, 11, 1)).version == "2.0"
    with pytest.raises(Unavailable, match="feed_version_missing"):
        mapping_on(date(2025, 12, 31))
    for one in mappings().values():
        assert sum(other.covers(one.valid_from) for other in mappings().values()) == 1


def test_a_kind_that_a_version_does_not_have_is_not_sent_in_it() -> None:
    old = BatchHeader("batch_1", "anxue", CITY, USCC, datetime(2026, 10, 30, tzinfo=UTC))
    with pytest.raises(InvalidInput, match="kind_not_in_version"):
        FORMAT.build(old, [one for one in full() if one[0].kind is RecordKind.CHECK])


def test_both_forms_hold_the_same_records_with_the_same_values() -> None:
    records = full()
    batch = FORMAT.build(HEADER, records).content
    assert gate(batch) == len(records)
    header, read = read_batch(batch)
    assert header == HEADER
    assert [(one.key, one.action, values) for one, values in read] == [
        (one.key, one.action, values) for one, values in records
    ]
    form = json.loads(FORMAT.json_form(HEADER, records))
    said = [one for call in form["calls"] for ones in call["body"].values() for one in ones] + [
        one for ones in form["others"].values() for one in ones
    ]
    assert form["recordCount"] == len(said) == len(records)
    by_key = {(one["recordKind"], one["recordNumber"], one["recordRevision"]): one for one in said}
    mapping = mappings()["2.0"]
    for record, values in records:
        shape = mapping.withdrawal if record.action is Action.WITHDRAW else mapping.shapes[record.kind]
        assert shape is not None
        told = by_key[record.kind, record.number, record.revision]
        assert {field.name: told[field.json] for field in shape.fields if field.json in told} == values


def test_the_json_form_has_the_published_names_and_no_call_for_what_is_not_published() -> None:
    form = json.loads(FORMAT.json_form(HEADER, full()))
    assert {call["call"]: set(call["body"]) for call in form["calls"]} == {
        "uploadClassHourBehavior": {"classHourBasic"},
        "uploadImage": {"imageDetailList"},
    }
    assert set(form["others"]) == {"Learner", "TestResult", "Certificate", "Evaluation", "Withdrawal"}
    assert form["calls"][0]["body"]["classHourBasic"][0]["classCode"] == "run_rehearsal"


_TEXT = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], include_characters="\t\n\r&<>\"'"), min_size=0, max_size=30
)


@settings(max_examples=60, deadline=None)
@given(_TEXT, _TEXT)
def test_what_is_written_is_its_own_canonical_form(name: str, employer: str) -> None:
    records = full()
    records[0][1].update(Name=name, Employer=employer)
    built = FORMAT.build(HEADER, records)
    root = etree.fromstring(built.content, safe_xml.parser())
    written = built.content[built.content.index(b"<Batch") :].rstrip(b"\n")
    assert etree.tostring(root, method="c14n", exclusive=True) == written
    body = root.find("{*}Records")
    assert body is not None
    assert root.findtext("{*}Header/{*}Digest") == digest(body)
    assert tuple(map(digest, body)) == built.record_sha256
    assert (body[0].findtext("{*}Name"), body[0].findtext("{*}Employer")) == (name, employer)


def test_the_nightly_form_is_the_sum_of_the_batches() -> None:
    records = full()
    parts = [records[:3], records[3:5], records[5:]]
    batches = []
    for number, part in enumerate(parts):
        header = BatchHeader(f"batch_{number}", "anxue", CITY, USCC, HEADER.created_at)
        batches.append((header.batch_id, FORMAT.sign(FORMAT.build(header, part).content)))
    out = BytesIO()
    totals = write_nightly(out, date(2026, 11, 23), CITY, USCC, iter(batches))
    root = safe_xml.parse(out.getvalue(), "2.0", "nightly")
    told = root.findall("{*}Part")
    assert [(one.get("batch"), one.get("sha256"), one.get("count")) for one in told] == [
        (batch_id, sha256_hex(batch), str(len(part)))
        for (batch_id, batch), part in zip(batches, parts, strict=True)
    ]
    of_batches: list[str] = []
    for _, batch in batches:
        body = etree.fromstring(batch).find("{*}Records")
        assert body is not None
        of_batches += map(digest, body)
    assert [digest(one) for part in told for one in part] == of_batches
    summed = root.find("{*}Totals")
    assert summed is not None
    assert (summed.get("batches"), summed.get("records")) == ("3", str(len(records)))
    assert {one.get("element"): int(one.get("count", "")) for one in summed} == dict(totals)
    assert totals.total() == len(records)


def test_a_nightly_form_is_of_one_version() -> None:
    old = BatchHeader("batch_0", "anxue", CITY, USCC, datetime(2026, 10, 30, tzinfo=UTC))
    batch = FORMAT.build(old, [one for one in full() if one[0].kind is RecordKind.HOUR_SUMMARY]).content
    with pytest.raises(InvalidInput, match="nightly_mixed_versions"):
        write_nightly(BytesIO(), date(2026, 11, 23), CITY, USCC, [("batch_0", batch)])
