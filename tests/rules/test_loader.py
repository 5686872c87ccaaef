"""Packs as files: what is refused, with which reason and on which line, and what the content hash covers."""

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.rules.documents import PackInvalid, parse_value
from bridge.rules.loader import CONFIG, load_all, load_packs, load_profile, load_rule_book, read_yaml
from tests.rules.made_packs import CASES, PACK, PARAMETER, write_pack

PROFILE = "format: 1\nid: {id}\ntitle_zh: 虚构方案\npacks: [{packs}]\n"


def refusal(tmp_path: Path, **texts: str) -> PackInvalid:
    with pytest.raises(PackInvalid) as caught:
        load_packs([write_pack(tmp_path, **texts)])
    return caught.value


def test_a_pack_is_found_in_its_own_folder_and_in_a_folder_of_packs(tmp_path: Path) -> None:
    home = write_pack(tmp_path)
    assert load_packs([home]) == load_packs([tmp_path])
    (made,) = load_packs([home])
    (parameter,) = made.parameters
    assert (made.id, parameter.value, parameter.citation.article) == ("made", 600, "第一条")
    assert parameter.text_zh == "上限为10 分钟。"


@pytest.mark.parametrize(
    ("old", "new", "reason", "line"),
    [
        ("value: 600", "value: 0.8", "yaml_float", 8),
        ("value: 600", 'value: "600"', "value_type", 8),
        ("value: 600", "value: -1", "value_negative", 8),
        ("value: 600", "value: &a 600", "yaml_alias", 8),
        ("value: 600", "value: *a", "yaml_alias", 8),
        ("value: 600", "value: !!int 600", "yaml_tag", 8),
        ("    basis: law", "    basis: law\n    basis: law", "yaml_duplicate_key", 10),
        ("    basis: law", "    basis: rumour", "schema", 9),
        ("    basis: law\n    article: 第一条", "    basis: law", "article_missing", 8),
        ("    basis: law\n    article: 第一条", "    basis: standard", "article_missing", 8),
        ("basis: law", "basis: practice", "article_not_allowed", 10),
        ("stricter: min", "stricter: more", "schema", 6),
        ("read_on: study_second", "read_on: someday", "schema", 5),
        ("unit: seconds", "unit: fortnights", "schema", 4),
        ("unit: seconds", "unit: share", "share_out_of_range", 8),
        ("title_zh: 上限", "title: 上限", "schema", None),
        ("name: study.cap_seconds", "name: study.other", "name_differs", 1),
        ("type: integer", "type: string", "value_type", 8),
        ("    basis: law", "    basis: law\n    effective_from: 2023-12-31", "dates_outside_pack", 8),
        ("    basis: law", "    basis: law\n    effective_until: 2025-01-02", "dates_outside_pack", 8),
        ("    basis: law", "    basis: law\n    effective_until: 2024-01-01", "dates_reversed", 8),
        ("    basis: law", "    basis: law\n    effective_from: 2024-02-30", "date_invalid", 10),
        ("    basis: law", "    basis: law\n    effective_from: 1.2.2024", "schema", 10),
        ("values:", "values: [", "not_yaml", None),
        ("values:\n", "values: []\nmore:\n", "schema", None),
    ],
)
def test_a_bad_parameter_is_refused_at_its_line(
    tmp_path: Path, old: str, new: str, reason: str, line: int | None
) -> None:
    assert old in PARAMETER
    error = refusal(tmp_path, parameter_yaml=PARAMETER.replace(old, new))
    problem = error.problems[0]
    assert (error.reason, problem.reason) == (reason, reason)
    assert problem.file.endswith("cap_seconds.yaml")
    if line is not None:
        assert problem.line == line
        assert f"第 {line} 行" in error.message


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("id: made", "id: other", "id_differs"),
        ("id: made", "id: Made Up", "schema"),
        ("format: 1", "format: 2", "schema"),
        ('version: "1"', "version: 1", "schema"),
        ('version: "1"', "version: 1.0", "yaml_float"),
        ("2025-01-01", "2024-01-01", "dates_reversed"),
        ("2025-01-01", "2025-13-01", "date_invalid"),
        ("title_zh: 虚构办法\n", "", "schema"),
        (PACK, "- a\n- list\n", "yaml_not_mapping"),
        (PACK, "", "yaml_not_mapping"),
        (PACK, PACK + "---\n" + PACK, "yaml_documents"),
        (PACK, PACK + "note_zh: " + "[" * 40 + "]" * 40 + "\n", "yaml_too_deep"),
        (PACK, PACK + "? [a]\n: b\n", "yaml_key"),
        (PACK, PACK + "note_zh: " + "长" * 30_000, "too_large"),
    ],
)
def test_a_bad_head_is_refused(tmp_path: Path, old: str, new: str, reason: str) -> None:
    assert old in PACK
    assert refusal(tmp_path, pack_yaml=PACK.replace(old, new)).reason == reason


def test_two_values_on_one_day_are_refused(tmp_path: Path) -> None:
    again = PARAMETER[PARAMETER.index("  - value") :]
    assert refusal(tmp_path, parameter_yaml=PARAMETER + again).reason == "dates_overlap"


def test_values_one_after_the_other_are_one_parameter(tmp_path: Path) -> None:
    first = PARAMETER + "    effective_until: 2024-07-01\n"
    second = (
        PARAMETER[PARAMETER.index("  - value") :].replace("600", "500") + "    effective_from: 2024-07-01\n"
    )
    (made,) = load_packs([write_pack(tmp_path, parameter_yaml=first + second)])
    assert [one.value for one in made.parameters] == [600, 500]


def test_a_code_without_its_chinese_name_is_refused(tmp_path: Path) -> None:
    text = PARAMETER.replace("type: integer", "type: list").replace("unit: seconds", "unit: none")
    assert (
        refusal(tmp_path, parameter_yaml=text.replace("value: 600", "value: [film]")).reason
        == "label_missing"
    )


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("date: 2024-01-01", "date: 2024-01-32", "date_invalid"),
        ("parameter: study.cap_seconds", "question: x", "schema"),
        ("parameter: study.cap_seconds", "decision: guess", "schema"),
        ("expected: {value: 600}", "expected: {}", "schema"),
        ("cases:", "case:", "schema"),
    ],
)
def test_a_bad_case_file_spoils_its_pack(tmp_path: Path, old: str, new: str, reason: str) -> None:
    assert refusal(tmp_path, cases_yaml=CASES.replace(old, new)).reason == reason


def test_every_problem_of_a_pack_is_told_at_once(tmp_path: Path) -> None:
    error = refusal(
        tmp_path,
        parameter_yaml=PARAMETER.replace("value: 600", "value: 0.8"),
        cases_yaml=CASES.replace("cases:", "case:"),
    )
    assert {problem.reason for problem in error.problems} == {"yaml_float", "schema"}


def _empty(home: Path) -> None:
    (home / "parameters/study/cap_seconds.yaml").unlink()


def _stray(home: Path) -> None:
    (home / "parameters/study/cap_seconds.yml").write_text(PARAMETER, "utf-8")


def _latin(home: Path) -> None:
    (home / "pack.yaml").write_bytes(PACK.encode("gb18030"))


def _control_character(home: Path) -> None:
    (home / "pack.yaml").write_bytes(PACK.encode() + b"# \x00\n")


def _same_name_elsewhere(home: Path) -> None:
    (home / "parameters/study/second.yaml").write_text(PARAMETER, "utf-8")


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (_empty, "pack_empty"),
        (_stray, "not_yaml"),
        (_latin, "not_utf8"),
        (_control_character, "not_yaml"),
        (_same_name_elsewhere, "name_differs"),
    ],
)
def test_a_bad_folder_is_refused(tmp_path: Path, spoil: Callable[[Path], None], reason: str) -> None:
    home = write_pack(tmp_path)
    spoil(home)
    with pytest.raises(PackInvalid) as caught:
        load_packs([home])
    assert caught.value.reason == reason


def test_a_folder_without_packs_and_a_child_that_is_none_are_told(tmp_path: Path) -> None:
    assert [one.reason for one in load_all([tmp_path / "nowhere"], []).problems] == ["nothing_found"]
    write_pack(tmp_path)
    (tmp_path / "forgotten").mkdir()
    loaded = load_all([tmp_path], [])
    assert [one.reason for one in loaded.problems] == ["marker_missing"]
    assert [one.id for one in loaded.packs] == ["made"]


def test_one_id_twice_is_refused(tmp_path: Path) -> None:
    first, second = write_pack(tmp_path / "a"), write_pack(tmp_path / "b")
    assert [one.reason for one in load_all([first, second], []).problems] == ["pack_twice"]


def test_a_folder_that_is_named_twice_is_read_once(tmp_path: Path) -> None:
    home = write_pack(tmp_path)
    assert load_all([tmp_path, home, home / ".." / "made"], []).problems == ()


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("pack.yaml", 'version: "1"', 'version: "2"'),
        ("pack.yaml", "title_zh: 虚构办法", "title_zh: 虚构规定"),
        ("pack.yaml", "effective_until: 2025-01-01", "effective_until: 2025-01-02"),
        ("parameters/study/cap_seconds.yaml", "600", "601"),
        ("parameters/study/cap_seconds.yaml", "stricter: min", "stricter: max"),
        ("parameters/study/cap_seconds.yaml", "第一条", "第二条"),
        ("parameters/study/cap_seconds.yaml", "read_on: study_second", "read_on: opening"),
    ],
)
def test_the_content_hash_changes_with_any_change(tmp_path: Path, file: str, old: str, new: str) -> None:
    home = write_pack(tmp_path)
    before = load_packs([home])[0].content_hash
    path = home / file
    path.write_text(path.read_text("utf-8").replace(old, new), "utf-8")
    assert load_packs([home])[0].content_hash != before


@given(values=st.lists(st.integers(0, 10**6), min_size=2, max_size=2, unique=True))
def test_two_values_never_share_a_content_hash(
    tmp_path_factory: pytest.TempPathFactory, values: list[int]
) -> None:
    hashes = {
        load_packs(
            [write_pack(tmp_path_factory.mktemp("pack"), parameter_yaml=PARAMETER.replace("600", str(value)))]
        )[0].content_hash
        for value in values
    }
    assert len(hashes) == 2


def test_comments_order_of_keys_and_cases_leave_the_content_hash(tmp_path: Path) -> None:
    before = load_packs([write_pack(tmp_path)])[0].content_hash
    lines = PACK.splitlines(keepends=True)
    other = "# 说明\n" + "".join(reversed(lines))
    after = load_packs([write_pack(tmp_path, pack_yaml=other, cases_yaml=CASES.replace("600", "601"))])[0]
    assert after.content_hash == before


def test_a_profile_must_find_its_packs_and_keep_its_name(tmp_path: Path) -> None:
    home = write_pack(tmp_path / "packs")
    folder = tmp_path / "profiles" / "mine"
    folder.mkdir(parents=True)
    file = folder / "profile.yaml"
    file.write_text(PROFILE.format(id="mine", packs="made, lost"), "utf-8")
    assert [one.reason for one in load_all([home], [folder]).problems] == ["pack_missing"]
    file.write_text(PROFILE.format(id="yours", packs="made"), "utf-8")
    with pytest.raises(PackInvalid) as caught:
        load_profile(folder)
    assert caught.value.reason == "id_differs"
    file.write_text(PROFILE.format(id="mine", packs="made"), "utf-8")
    assert load_profile(folder).packs == ("made",)


def test_a_rule_book_is_never_loaded_by_halves(tmp_path: Path) -> None:
    bad = write_pack(tmp_path, parameter_yaml="")
    with pytest.raises(PackInvalid):
        load_rule_book(extra_packs=[bad])


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_and_never_crashes(text: str) -> None:
    try:
        data = read_yaml(text.encode("utf-8", "surrogatepass"), "made.yaml").data
    except PackInvalid:
        data = {}
    assert isinstance(data, dict)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"),
        ("2024-01-01", "2024-01-01"),
        ("0o17", "0o17"),
        ("true", True),
        ("~", None),
        ("'1'", "1"),
    ],
)
def test_plain_values_have_one_meaning(text: str, value: object) -> None:
    assert read_yaml(f"a: {text}\n".encode(), "made.yaml").data == {"a": value}


@pytest.mark.parametrize("text", ["0.8", "012", "1e3", ".5", "+5", ".inf", "1234567890123456"])
def test_numbers_that_are_not_plainly_whole_are_refused(text: str) -> None:
    with pytest.raises(PackInvalid) as caught:
        read_yaml(f"a: {text}\n".encode(), "made.yaml")
    assert caught.value.reason == "yaml_float"


def test_fractions_are_exact_and_written_as_text() -> None:
    assert parse_value("0.80", "fraction") == parse_value("4/5", "fraction") == Fraction(4, 5)
    for raw in ("4/0", "four", 1):
        with pytest.raises(ValueError, match="分数"):
            parse_value(raw, "fraction")


@pytest.mark.parametrize("schema", ["rulepack", "parameter", "cases", "profile"])
def test_the_schemas_are_schemas(schema: str) -> None:
    from jsonschema import Draft202012Validator

    Draft202012Validator.check_schema(
        json.loads((CONFIG / "schema" / f"{schema}.schema.json").read_text("utf-8"))
    )
