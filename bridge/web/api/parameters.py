"""What a request may say: parameters of the query and the stated purpose, each as strict as the document says."""

import re
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal
from urllib.parse import unquote

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from bridge.intake.contact import without_contact_text
from bridge.kernel.errors import InvalidInput
from bridge.supervision.api_queries import MOST_DAYS

PURPOSE_HEADER = "Anxue-Purpose"
_CHARACTER = r"(?:[A-Za-z0-9._~-]|%E[4-9](?:%[89AB][0-9A-F]){2}|%E3%80%8[12]|%EF%BC%8[89C])"
PURPOSE_PATTERN = f"^{_CHARACTER}{{4,80}}$"
"""UTF-8, percent-encoded: Han characters, 、。（），, letters and digits."""
ID_PATTERN = r"^[A-Za-z0-9_-]{1,40}$"
MOST_ROWS = 500
_FIRST, _LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
_NUMBER = re.compile(r"[1-9][0-9]{0,2}")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_INSTANT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:)([0-9]{2})(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)


def _number(value: Any) -> Any:
    if isinstance(value, str):
        if _NUMBER.fullmatch(value) is None:
            raise ValueError("a whole number without sign or zeros in front")
        return int(value)
    return value


def _day(value: Any) -> Any:
    if isinstance(value, str):
        if _DAY.fullmatch(value) is None:
            raise ValueError("YYYY-MM-DD")
        return date.fromisoformat(value)
    return value


def _instant(value: Any) -> Any:
    """Return the UTC instant of an RFC 3339 text; a leap second is the end of the second before it."""
    if not isinstance(value, str):
        return value
    found = _INSTANT.fullmatch(value)
    if found is None:
        raise ValueError("RFC 3339")
    minute, second, fraction, offset = found.groups()
    if second == "60":
        second, fraction = "59", ".999999"
    at = datetime.fromisoformat(f"{minute}{second}{(fraction or '')[:7]}{offset}".upper())
    try:
        return at.astimezone(UTC)
    except OverflowError:
        # Within a day of the first or the last instant that a database can hold.
        return _FIRST if at.year == 1 else _LAST


Ident = Annotated[str, Field(pattern=ID_PATTERN)]
Division = Annotated[str, Field(pattern=r"^[1-9][0-9]{5}$", description="GB/T 2260 行政区划代码,六位")]
Day = Annotated[date, BeforeValidator(_day)]
Instant = Annotated[datetime, BeforeValidator(_instant)]
Limit = Annotated[int, Field(ge=1, le=MOST_ROWS, description="每页最多多少条"), BeforeValidator(_number)]
Cursor = Annotated[
    str, Field(min_length=8, max_length=600, description="上一页 next 中的游标;与客户端和查询条件绑定")
]
ClassRunFilter = Annotated[Ident | None, Field(description="只要这个班次的")]
Since = Annotated[Instant | None, Field(description="只要这一时刻(含)以后的,RFC 3339")]


class Query(BaseModel):
    """Parameters of a query; whatever is not named is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Paged(Query):
    """Of every list."""

    limit: Limit = 100
    cursor: Cursor | None = None


class ClassRunQuery(Paged):
    """Of the list of class runs."""

    opening_week: Annotated[Day | None, Field(description="在这一天所在的周(周一至周日)开班的")] = None
    opens_from: Annotated[Day | None, Field(description="开班日期不早于")] = None
    opens_until: Annotated[Day | None, Field(description="开班日期不晚于")] = None
    on: Annotated[Day | None, Field(description="这一天正在授课的")] = None
    status: Annotated[
        Literal["upcoming", "open", "closed"] | None, Field(description="未开班、授课中、已结班(按今天)")
    ] = None
    area: Annotated[Division | None, Field(description="班次所在地;末尾的 00 表示含下级")] = None
    institution: Annotated[Ident | None, Field(description="只要这家机构的")] = None


class HoursQuery(Paged):
    """Of the list of hours."""

    class_run: ClassRunFilter = None
    institution: Annotated[Ident | None, Field(description="只要这家机构的")] = None
    area: Annotated[Division | None, Field(description="班次所在地;末尾的 00 表示含下级")] = None


class PaperQuery(Paged):
    """Of the list of papers."""

    class_run: ClassRunFilter = None
    kind: Literal["hour_certificate", "completion_statement"] | None = None
    status: Literal["valid", "superseded", "revoked", "expired"] | None = None
    since: Since = None


class SignalQuery(Paged):
    """Of the list of signals."""

    class_run: ClassRunFilter = None
    kind: Annotated[str | None, Field(pattern=r"^[a-z_]{1,40}$")] = None
    since: Since = None


class SpotCheckQuery(Query):
    """Of the list of spot checks, each with all its findings."""

    limit: Annotated[int, Field(ge=1, le=100, description="每页最多多少条"), BeforeValidator(_number)] = 50
    cursor: Cursor | None = None
    institution: Annotated[Ident | None, Field(description="只要这家机构的")] = None


class BatchQuery(Paged):
    """Of the list of batches."""

    state: Literal["ready", "accepted", "partly_accepted", "refused", "failed"] | None = None
    since: Since = None


class RecordQuery(Paged):
    """Of a batch's records."""

    state: Literal["waiting", "batched", "accepted", "refused", "returned", "superseded", "held"] | None = (
        None
    )


class FigureQuery(Paged):
    """Of the figures."""

    first: Annotated[Day | None, Field(description="第一天;不写时为最近的 days 天")] = None
    days: Annotated[
        int, Field(ge=1, le=MOST_DAYS, description="多少天,最多 92"), BeforeValidator(_number)
    ] = 14


def read_purpose(header: str | None) -> str | None:
    """Return the purpose that a header states; None for no header.

    Raises:
        InvalidInput: purpose_malformed, contact_in_text.
    """
    if header is None:
        return None
    if re.fullmatch(PURPOSE_PATTERN[1:-1], header) is None:
        raise InvalidInput(
            "purpose_malformed", f"请在 {PURPOSE_HEADER} 中写明事由(4 至 80 字,UTF-8 百分号编码)。"
        )
    purpose = unquote(header, errors="strict")
    if without_contact_text(purpose) != purpose:
        raise InvalidInput("contact_in_text", "事由中不能写电话、微信、QQ、邮箱等联系方式。")
    return purpose
