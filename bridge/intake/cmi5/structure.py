"""cmi5.xml read: a course structure, or why it is none, with the line.

Source: cmi5 §13 (course structure), §14 (packages); its schema asks for this order of elements.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import SplitResult, parse_qsl, urljoin, urlsplit

from lxml import etree

from bridge.intake.cmi5.model import LAUNCH_NAMES, Au, Block, CourseStructure, MoveOn
from bridge.intake.xapi.formats import iri
from bridge.intake.xapi.model import StatementFault
from bridge.kernel.errors import InvalidInput

MAX_XML_BYTES = 8 * 1024 * 1024
MAX_AUS = 5000
MAX_BLOCK_DEPTH = 20
_NAMESPACE = "https://w3id.org/xapi/profiles/cmi5/v1/CourseStructure.xsd"
_MAX_TEXT = 20_000
_MAX_TITLE = 200
_MAX_ADDRESS = 2000
_MASTERY = re.compile(r"(?:0(?:\.[0-9]{1,4})?|1(?:\.0{1,4})?|\.[0-9]{1,4})")
_CHINESE = re.compile(r"zh(?:-|$)", re.IGNORECASE)
_UNSAFE_IN_URL = re.compile(r"[\s<>\"{}|\\^`\x00-\x1f]")


class PackageFault(InvalidInput):
    """A course package that is not taken. The message names the line where there is one."""

    def __init__(self, reason: str, message: str, line: int | None = None) -> None:
        super().__init__(
            reason, message if line is None else f"cmi5.xml 第 {line} 行:{message}", http_status=422
        )


@dataclass(frozen=True, slots=True)
class Location:
    """From where an AU's relative address is to be read.

    Args:
        content_base: where the operator has put the package's content; None for none.
        files: names in the package; None for a structure without one.
    """

    content_base: str | None = None
    files: frozenset[str] | None = None


def read_structure(content: bytes, location: Location) -> CourseStructure:
    """Return the course that `content` describes.

    Raises:
        PackageFault: structure_too_large, structure_encoding, structure_doctype, structure_malformed,
            structure_element, structure_text, structure_id, structure_id_repeated, structure_objective,
            structure_value, structure_too_deep, structure_aus, au_url, au_url_parameters, au_url_relative,
            au_file_missing, au_content_not_served.
    """
    root = _parsed(content)
    return _Reader(location).course(root)


def _parsed(content: bytes) -> etree._Element:
    if len(content) > MAX_XML_BYTES:
        raise PackageFault("structure_too_large", "cmi5.xml 超过 8 MB")
    head = content[:200].lower()
    declared = head.partition(b"?>")[0]
    if b"\x00" in head or (b"encoding=" in declared and b"utf-8" not in declared):
        raise PackageFault("structure_encoding", "cmi5.xml 须为 UTF-8 编码")
    # A DOCTYPE is the door to entities; a course structure has no use for one.
    if b"<!DOCTYPE" in content:
        raise PackageFault("structure_doctype", "cmi5.xml 不得含有 DOCTYPE")
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        return etree.fromstring(content, parser)
    except etree.XMLSyntaxError as error:
        raise PackageFault("structure_malformed", "不是完整的 XML", error.lineno) from error


@dataclass
class _Reader:
    """Reads one document; `ids` holds the ids seen, each with what it names (unique in the course, §13.1)."""

    location: Location
    ids: set[str] = field(default_factory=set)
    aus: list[Au] = field(default_factory=list)

    def course(self, root: etree._Element) -> CourseStructure:
        if root.tag != f"{{{_NAMESPACE}}}courseStructure":
            raise PackageFault("structure_element", "根元素须为 cmi5 的 courseStructure", _line(root))
        parts = _Parts(root)
        about = parts.need("course")
        inner = _Parts(about)
        course_id, title = self._id(about), _title(inner)
        _text_of(inner, "description")
        inner.end()
        objectives = self._objectives(parts.take("objectives"))
        found = self._parts(parts, 1)
        parts.end()
        known = {one for one, _title in objectives}
        whole = Block(course_id, title, found)
        referring: list[Block | Au] = [*whole.blocks(), *self.aus]
        for one in referring:
            if not known.issuperset(one.objectives):
                raise PackageFault("structure_objective", f"{one.title}引用了没有定义的目标(objective)")
        return CourseStructure(whole, tuple(self.aus), objectives)

    def _parts(self, parts: "_Parts", depth: int) -> tuple[Block | str, ...]:
        if depth > MAX_BLOCK_DEPTH:
            raise PackageFault("structure_too_deep", "课程分块(block)嵌套过深", _line(parts.parent))
        found: list[Block | str] = []
        for name, element in parts.any_of("au", "block"):
            found.append(self._au(element) if name == "au" else self._block(element, depth))
        if not found:
            raise PackageFault("structure_element", "须至少有一个 au 或 block", _line(parts.parent))
        return tuple(found)

    def _block(self, element: etree._Element, depth: int) -> Block:
        parts = _Parts(element)
        block_id, title = self._id(element), _title(parts)
        _text_of(parts, "description")
        objectives = _references(parts.take("objectives"))
        found = self._parts(parts, depth + 1)
        parts.end()
        return Block(block_id, title, found, objectives)

    def _au(self, element: etree._Element) -> str:
        if len(self.aus) >= MAX_AUS:
            raise PackageFault("structure_aus", f"课程单元(au)超过 {MAX_AUS} 个", _line(element))
        parts = _Parts(element)
        au_id, title = self._id(element), _title(parts)
        _text_of(parts, "description")
        objectives = _references(parts.take("objectives"))
        url = parts.need("url")
        parameters, key = parts.take("launchParameters"), parts.take("entitlementKey")
        parts.end()
        mastery = element.get("masteryScore")
        if mastery is not None and not _MASTERY.fullmatch(mastery.strip()):
            raise PackageFault("structure_value", "masteryScore 须为 0 到 1、至多 4 位小数", _line(element))
        self.aus.append(
            Au(
                id=au_id,
                title=title,
                url=self._url(_words(url), _line(url)),
                move_on=_one_of(element, "moveOn", [str(one) for one in MoveOn], MoveOn.ALWAYS),
                own_window=_launch_method(element) == "OwnWindow",
                mastery_score=None if mastery is None else str(Decimal(mastery.strip())),
                launch_parameters=None if parameters is None else _words(parameters),
                entitlement_key=None if key is None else _words(key),
                objectives=objectives,
            )
        )
        return au_id

    def _objectives(self, element: etree._Element | None) -> tuple[tuple[str, str], ...]:
        if element is None:
            return ()
        parts = _Parts(element)
        found = []
        for _name, one in parts.any_of("objective"):
            inner = _Parts(one)
            found.append((self._id(one), _title(inner)))
            _text_of(inner, "description")
            inner.end()
        parts.end()
        if not found:
            raise PackageFault("structure_element", "objectives 须至少有一个 objective", _line(element))
        return tuple(found)

    def _id(self, element: etree._Element) -> str:
        value = (element.get("id") or "").strip()
        try:
            iri(value)
        except StatementFault as fault:
            raise PackageFault("structure_id", "id 须为带协议名的 IRI", _line(element)) from fault
        if len(value) > _MAX_ADDRESS:
            raise PackageFault("structure_id", "id 过长", _line(element))
        if value in self.ids:
            raise PackageFault("structure_id_repeated", "id 在课程中重复", _line(element))
        self.ids.add(value)
        return value

    def _url(self, written: str, line: int) -> str:
        """Return an AU's absolute address."""
        if not written or len(written) > _MAX_ADDRESS or _UNSAFE_IN_URL.search(written):
            raise PackageFault("au_url", "url 不是有效的地址", line)
        try:
            parts = urlsplit(written)
            names = {name for name, _value in parse_qsl(parts.query, keep_blank_values=True)}
        except ValueError as error:
            raise PackageFault("au_url", "url 不是有效的地址", line) from error
        if names & LAUNCH_NAMES:
            raise PackageFault(
                "au_url_parameters", "url 的参数与启动参数重名(endpoint、fetch、actor 等)", line
            )
        if not parts.scheme:
            return self._relative(written, parts, line)
        if parts.scheme not in ("https", "http") or not parts.hostname or parts.username is not None:
            raise PackageFault("au_url", "url 须为 https 地址,且不含账号", line)
        return written

    def _relative(self, written: str, parts: SplitResult, line: int) -> str:
        if self.location.files is None:
            raise PackageFault("au_url_relative", "单独的 cmi5.xml 中,url 须为完整地址", line)
        path = parts.path
        if parts.netloc or path.startswith("/") or ".." in path.split("/") or "%2e" in path.lower():
            raise PackageFault("au_url", "url 指向了课件包之外", line)
        if path not in self.location.files:
            raise PackageFault("au_file_missing", "课件包中没有 url 所指的文件", line)
        if self.location.content_base is None:
            raise PackageFault(
                "au_content_not_served",
                "安学桥不存放课件内容(其脚本不应在安学桥的域名下运行):请把课件包解压到内容服务器,"
                "导入时用 --content-base 给出其地址",
                line,
            )
        return urljoin(self.location.content_base, written)


class _Parts:
    """An element's parts in the order of the schema: each is taken in its turn; foreign ones may only follow."""

    def __init__(self, parent: etree._Element) -> None:
        self.parent = parent
        self._rest = list(parent)

    def take(self, name: str) -> etree._Element | None:
        if self._rest and self._rest[0].tag == f"{{{_NAMESPACE}}}{name}":
            return self._rest.pop(0)
        return None

    def need(self, name: str) -> etree._Element:
        found = self.take(name)
        if found is None:
            raise PackageFault("structure_element", f"缺少元素 {name},或元素顺序不对", _line(self.parent))
        return found

    def any_of(self, *names: str) -> Iterator[tuple[str, etree._Element]]:
        while self._rest:
            for name in names:
                element = self.take(name)
                if element is not None:
                    yield name, element
                    break
            else:
                return

    def end(self) -> None:
        for element in self._rest:
            if etree.QName(element).namespace in (None, _NAMESPACE):
                raise PackageFault("structure_element", "有不允许的元素,或元素顺序不对", _line(element))


def _text_of(parts: _Parts, name: str) -> str:
    """Return the Chinese words of a `textType`, else its first."""
    element = parts.need(name)
    inner = _Parts(element)
    found = [(one.get("lang") or "", _words(one)) for _name, one in inner.any_of("langstring")]
    inner.end()
    if not found:
        raise PackageFault("structure_element", f"{name} 须至少有一个 langstring", _line(element))
    return next((words for tag, words in found if _CHINESE.match(tag)), found[0][1])


def _title(parts: _Parts) -> str:
    return _text_of(parts, "title")[:_MAX_TITLE]


def _references(element: etree._Element | None) -> tuple[str, ...]:
    if element is None:
        return ()
    parts = _Parts(element)
    found = tuple((one.get("idref") or "").strip() for _name, one in parts.any_of("objective"))
    parts.end()
    return found


def _words(element: etree._Element) -> str:
    if len(element):
        raise PackageFault("structure_text", "此处只能是文字", _line(element))
    words = (element.text or "").strip()
    if len(words) > _MAX_TEXT:
        raise PackageFault("structure_text", "文字过长", _line(element))
    return words


def _one_of(element: etree._Element, name: str, allowed: list[str], otherwise: MoveOn) -> MoveOn:
    value = element.get(name)
    if value is None:
        return otherwise
    if value not in allowed:
        raise PackageFault("structure_value", f"{name} 的值不在规范所列之内", _line(element))
    return MoveOn(value)


def _launch_method(element: etree._Element) -> str:
    value = element.get("launchMethod", "AnyWindow")
    if value not in ("AnyWindow", "OwnWindow"):
        raise PackageFault("structure_value", "launchMethod 须为 AnyWindow 或 OwnWindow", _line(element))
    return value


def _line(element: Any) -> int:
    line: int | None = element.sourceline
    return line or 0
