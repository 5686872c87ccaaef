"""The nouns of the xAPI door: versions, scopes, who calls, what is asked, and what is wrong with a statement."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import InstitutionId, RegistrationId

VOIDED = "http://adlnet.gov/expapi/verbs/voided"
SIGNATURE = "http://adlnet.gov/expapi/attachments/signature"
MAX_PAGE = 200
"""Statements in one answer; more wait behind `more`."""
MAX_STATEMENTS = 1000
"""Statements in one request."""
MAX_STATEMENTS_BYTES = 5 * 1024 * 1024
MAX_DOCUMENT_BYTES = 256 * 1024

_ONE = re.compile(r"1\.0(?:\.[0-9]{1,4})?")
_PLAIN = re.compile(r"[A-Za-z_]{1,40}|mbox_sha1sum|sha2")
_TWO = re.compile(r"2\.0(?:\.[0-9]{1,4})?")


class Version(StrEnum):
    """What the bridge speaks, by the name that it answers with."""

    ONE = "1.0.3"
    TWO = "2.0.0"

    @staticmethod
    def named(header: str) -> "Version | None":
        """Return the version for a value of `X-Experience-API-Version`; None for one that is not spoken here."""
        if _ONE.fullmatch(header):
            return Version.ONE
        return Version.TWO if _TWO.fullmatch(header) else None


class Scope(StrEnum):
    """What a credential may do; the names of the xAPI door are the specification's (1.0.3 Part Three §4.2)."""

    WRITE = "statements/write"
    READ_OWN = "statements/read/mine"
    READ = "statements/read"
    STATE = "state"
    PROFILE = "profile"
    CALIPER = "caliper/write"
    CANVAS = "canvas/write"
    """Canvas Live Events that are not signed."""


class Resource(StrEnum):
    """The document resources."""

    STATE = "state"
    AGENT_PROFILE = "agent_profile"
    ACTIVITY_PROFILE = "activity_profile"


class Store(StrEnum):
    """Which of an institution's stores.

    `CONFORMANCE` keeps made-up people as they were sent; it can be used in the demonstration alone.
    """

    RECORDS = "records"
    CONFORMANCE = "conformance"


@dataclass(frozen=True, slots=True)
class Caller:
    """A credential that has proved itself.

    Args:
        source: the institution's name for the sender; two credentials of one source share what is theirs.
        registration: the LTI platform whose accounts the sender's agents are, if it is one.
        newest: the newest version that this sender speaks: how a request without a version is refused.
    """

    credential: str
    institution: InstitutionId
    source: str
    scopes: frozenset[Scope]
    store: Store
    registration: RegistrationId | None
    newest: Version

    def may(self, *any_of: Scope) -> bool:
        return not self.scopes.isdisjoint(any_of)


@dataclass(frozen=True, slots=True)
class Query:
    """What GET statements asks for; agent, verb and activity as the store finds them.

    Args:
        terms: each must be met by a statement, or by one that it refers to.
        after, before: instants of storing; (`after`, `before`].
        position: (stored, seq) of the last statement of the page before.
    """

    terms: tuple[tuple[str, bool], ...] = ()
    after: datetime | None = None
    before: datetime | None = None
    ascending: bool = False
    limit: int = MAX_PAGE
    format: str = "exact"
    attachments: bool = False
    position: tuple[datetime, int] | None = None


@dataclass(frozen=True, slots=True)
class Attachment:
    """What came along with a statement, by the hash under which the statement names it."""

    sha2: str
    content_type: str
    content: bytes


class StatementFault(InvalidInput):
    """A statement breaks the specification.

    Args:
        pointer: where (RFC 6901), from the body's root; it never holds a value, and of names only those that are
            plain words: what else a sender calls a property may be somebody's address.
    """

    def __init__(self, reason: str, pointer: str = "", *, http_status: int = 400) -> None:
        super().__init__(reason, SENTENCES[reason], http_status=http_status)
        self.pointer = pointer

    def below(self, key: str | int) -> "StatementFault":
        """Return this fault as seen from one level up."""
        step = key if isinstance(key, int) or _PLAIN.fullmatch(key) else "*"
        self.pointer = f"/{step}{self.pointer}"
        return self


SENTENCES: Mapping[str, str] = {
    "account_malformed": "account 须同时给出 homePage 和 name",
    "array_expected": "此处应为数组",
    "array_empty": "数组不能为空",
    "attachment_inline": "附件随请求发送时,Content-Type 须为 multipart/mixed",
    "attachment_missing": "陈述声明的附件没有随请求送到,也没有 fileUrl",
    "attachment_unknown": "请求中有陈述未声明的附件",
    "attachment_hash": "附件内容与声明的 sha2 不符",
    "attachment_header": "附件须带 X-Experience-API-Hash,且 Content-Transfer-Encoding 为 binary",
    "attachment_refused": "本桥不保存附件内容(其中可能含联系方式或人脸),请改用 fileUrl",
    "authority_malformed": "authority 须为 Agent,或恰有两名成员的匿名 Group",
    "boolean_expected": "此处应为 true 或 false",
    "component_duplicate": "交互选项的 id 重复",
    "component_foreign": "该交互类型不允许使用此属性",
    "context_object": "revision 和 platform 只能用于对象为 Activity 的陈述",
    "duration_malformed": "时长不符合 ISO 8601(如 PT1H30M)",
    "group_anonymous": "没有标识的 Group 须列出成员",
    "id_differs": "陈述的 id 与参数 statementId 不一致",
    "id_duplicate": "同一批中有两条陈述使用同一 id",
    "ifi_count": "须恰好给出一种身份标识(mbox、mbox_sha1sum、openid、account)",
    "integer_expected": "此处应为非负整数",
    "interaction_type": "不支持的 interactionType,或缺少 interactionType",
    "iri_malformed": "此处应为带协议名的 IRI",
    "language_malformed": "语言代码不符合 RFC 5646",
    "mbox_malformed": "mbox 应为 mailto: 开头的邮箱",
    "media_type_malformed": "contentType 不是有效的媒体类型",
    "member_not_agent": "Group 的成员须为 Agent",
    "multipart_malformed": "multipart/mixed 内容不完整或格式错误",
    "null_forbidden": "不允许使用 null",
    "number_expected": "此处应为数字",
    "object_expected": "此处应为 JSON 对象",
    "object_type": "objectType 不受支持",
    "property_missing": "缺少必需的属性",
    "property_unknown": "不允许的属性(区分大小写)",
    "score_range": "成绩超出范围",
    "sha1_malformed": "mbox_sha1sum 应为 40 位十六进制",
    "sha2_malformed": "sha2 应为十六进制的 SHA-2 值",
    "signature_malformed": "签名附件须为 application/octet-stream 的 JWS,算法为 RS256、RS384 或 RS512",
    "signature_content": "签名的内容与陈述不一致",
    "statement_expected": "请求内容须为陈述对象或陈述数组",
    "statements_count": f"每次最多提交 {MAX_STATEMENTS} 条陈述",
    "string_expected": "此处应为文字",
    "string_malformed": "文字中有无法识别的字符或过长",
    "substatement_nested": "SubStatement 不能嵌套,也不能含有 id、stored、version、authority",
    "timestamp_malformed": "时间不符合 ISO 8601 / RFC 3339",
    "uuid_malformed": "此处应为 UUID",
    "version_malformed": "version 须为 1.0.x 或 2.0.x",
    "voiding_object": "作废陈述的对象须为 StatementRef",
}
"""What each fault says to the person who must mend the sender."""
