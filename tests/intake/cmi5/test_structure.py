"""Course packages: what is read of them, and which are refused, with the reason and the line."""

import io
import zipfile

import pytest

from bridge.intake.cmi5 import package as package_module
from bridge.intake.cmi5 import structure as structure_module
from bridge.intake.cmi5.model import Block, CourseStructure, MoveOn
from bridge.intake.cmi5.structure import PackageFault
from tests.intake.cmi5.courses import COURSE, au, block, course, packed, read, words


def refused(content: bytes, reason: str, base: str | None = None) -> PackageFault:
    with pytest.raises(PackageFault) as caught:
        read(content, base)
    assert caught.value.reason == reason
    return caught.value


def test_a_course_is_read_with_blocks_objectives_and_all_that_an_au_needs() -> None:
    objective = f'<objective id="https://publisher.example/o/1">{words("title", "目标")}{words("description", "说明")}'
    objectives = f"<objectives>{objective}</objective></objectives>"
    refers = '<objectives><objective idref="https://publisher.example/o/1"/></objectives>'
    extra = "<launchParameters> a=1 </launchParameters><entitlementKey>k-1</entitlementKey>"
    one = au("1", moveOn="Passed", masteryScore="0.80", launchMethod="OwnWindow", inside=refers, after=extra)
    found = read(course(block("a", one, block("b", au("2"))), au("3"), objectives=objectives))
    whole = found.whole
    assert (whole.id, whole.title) == (COURSE, "用电安全")
    assert [type(part) for part in whole.parts] == [Block, str]
    assert [one.id.rpartition("/")[2] for one in whole.blocks()] == ["b", "a", "1"]
    first = found.aus[0]
    assert (first.move_on, first.mastery_score, first.own_window) == (MoveOn.PASSED, "0.80", True)
    assert (first.launch_parameters, first.entitlement_key) == ("a=1", "k-1")
    assert first.objectives == ("https://publisher.example/o/1",)
    assert found.objectives == (("https://publisher.example/o/1", "目标"),)
    assert [one.move_on for one in found.aus[1:]] == [MoveOn.ALWAYS, MoveOn.ALWAYS]
    assert first.title == "单元1"


def test_a_structure_comes_back_from_what_is_kept_of_it() -> None:
    found = read(course(block("a", au("1", moveOn="Completed", masteryScore="0.5")), au("2")))
    assert CourseStructure.from_json(found.to_json()) == found


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (
            course(au("1"), head="<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/hostname'>]>"),
            "structure_doctype",
        ),
        (course(au("1"))[:-5], "structure_malformed"),
        (b"<courseStructure/>", "structure_element"),
        (course(), "structure_element"),
        (course(block("a")), "structure_element"),
        (course(au("1", url="https://a.example/ x")), "au_url"),
        (course(au("1", url="javascript:alert(1)")), "au_url"),
        (course(au("1", url="ftp://a.example/x")), "au_url"),
        (course(au("1", url="https://user:pw@a.example/x")), "au_url"),
        (course(au("1", url="https://a.example/?fetch=x")), "au_url_parameters"),
        (course(au("1", url="index.html")), "au_url_relative"),
        (course(au("1"), au("1")), "structure_id_repeated"),
        (course(block("a", au("1")), block("a", au("2"))), "structure_id_repeated"),
        (course(au("1").replace("https://publisher.example/au/1", "publisher/au/1")), "structure_id"),
        (course(au("1", moveOn="Sometimes")), "structure_value"),
        (course(au("1", masteryScore="1.2")), "structure_value"),
        (course(au("1", masteryScore="0.12345")), "structure_value"),
        (course(au("1", launchMethod="Popup")), "structure_value"),
        (
            course(au("1", inside='<objectives><objective idref="urn:none"/></objectives>')),
            "structure_objective",
        ),
        (course(au("1", after="<price>1</price>")), "structure_element"),
        (course(au("1", after="<launchParameters><b/></launchParameters>")), "structure_text"),
        (course(au("1")).replace(b"utf-8", b"gb2312"), "structure_encoding"),
        (b"# not a course", "package_not_zip"),
        (b"PK\x03\x04 and no more", "package_not_zip"),
        (packed({"other.xml": b""}), "package_no_structure"),
        (packed({"folder/cmi5.xml": course(au("1"))}), "package_no_structure"),
        (packed({"cmi5.xml": course(au("1")), "../evil.js": b""}), "package_path"),
        (packed({"cmi5.xml": course(au("1")), "/etc/evil": b""}), "package_path"),
    ],
)
def test_what_is_no_course_package_is_refused(content: bytes, reason: str) -> None:
    fault = refused(content, reason)
    assert fault.http_status == 422
    assert any("\u4e00" <= letter <= "\u9fff" for letter in fault.message)


def test_a_refusal_names_the_line() -> None:
    content = course(au("1"), "\n\n", au("2", moveOn="Sometimes"))
    assert "第 3 行" in refused(content, "structure_value").message


def test_an_entity_is_not_resolved_even_where_no_doctype_is_seen() -> None:
    # The word is looked for in the bytes; the parser resolves nothing either.
    assert "SYSTEM" not in read(course(au("1"))).aus[0].title
    parser_refuses = course(au("1")).replace(b"\xe7\x94\xa8\xe7\x94\xb5", b"&e;")
    refused(parser_refuses, "structure_malformed")


def test_elements_of_other_namespaces_may_follow_and_are_passed_over() -> None:
    found = read(course(au("1", after='<v:price xmlns:v="https://vendor.example/">1</v:price>')))
    assert len(found.aus) == 1


def test_packaged_content_is_not_served_by_the_bridge() -> None:
    content = packed({"cmi5.xml": course(au("1", url="a/index.html?x=1")), "a/index.html": b""})
    assert "--content-base" in refused(content, "au_content_not_served").message
    found = read(content, "https://content.example/p1/")
    assert found.aus[0].url == "https://content.example/p1/a/index.html?x=1"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("b/index.html", "au_file_missing"),
        ("../index.html", "au_url"),
        ("a/%2e%2e/x.html", "au_url"),
        ("//other.example/x", "au_url"),
        ("/index.html", "au_url"),
    ],
)
def test_a_relative_address_stays_in_its_package(url: str, reason: str) -> None:
    content = packed({"cmi5.xml": course(au("1", url=url)), "a/index.html": b""})
    refused(content, reason, "https://content.example/p1/")


def test_a_zip_with_64_bits_is_read() -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as package, package.open("cmi5.xml", "w", force_zip64=True) as entry:
        entry.write(course(au("1")))
    assert len(read(made.getvalue()).aus) == 1


def test_no_more_of_a_structure_is_unpacked_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package_module, "MAX_XML_BYTES", 2000)
    monkeypatch.setattr(structure_module, "MAX_XML_BYTES", 2000)
    bomb = packed({"cmi5.xml": course(au("1")) + b" " * 5_000_000})
    assert len(bomb) < 10_000
    refused(bomb, "structure_too_large")
    unpacked: list[int] = []
    monkeypatch.setattr(
        package_module, "read_structure", lambda content, _where: unpacked.append(len(content))
    )
    read(bomb)
    assert unpacked == [2001]


def test_blocks_are_not_nested_without_end_and_aus_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    nested = au("1")
    for depth in range(structure_module.MAX_BLOCK_DEPTH):
        nested = block(str(depth), nested)
    refused(course(nested), "structure_too_deep")
    monkeypatch.setattr(structure_module, "MAX_AUS", 2)
    refused(course(au("1"), au("2"), au("3")), "structure_aus")
    monkeypatch.setattr(package_module, "MAX_FILES", 1)
    refused(packed({"cmi5.xml": course(au("1")), "a": b""}), "package_files")
