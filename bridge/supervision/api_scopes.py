"""What a client of the read API may be allowed: one word for each kind of thing that is read. Pure."""

from collections.abc import Iterable, Mapping
from enum import StrEnum

from bridge.kernel.errors import InvalidInput


class ApiScope(StrEnum):
    """A scope as OAuth names it (RFC 6749 §3.3)."""

    INSTITUTIONS = "institutions:read"
    CLASS_RUNS = "class-runs:read"
    HOURS = "hours:read"
    LEARNERS = "learners:read"
    PAPERS = "papers:read"
    SIGNALS = "signals:read"
    SPOT_CHECKS = "spot-checks:read"
    REPORTS = "reports:read"
    FIGURES = "figures:read"
    EXPORTS = "exports:read"


SCOPES_ZH: Mapping[ApiScope, str] = {
    ApiScope.INSTITUTIONS: "培训机构与登记",
    ApiScope.CLASS_RUNS: "班次、课程内容与进度",
    ApiScope.HOURS: "学时汇总(学员代号)",
    ApiScope.LEARNERS: "学员(姓名和号码只显示一部分,须写明事由并逐人记录)",
    ApiScope.PAPERS: "证明及其状态",
    ApiScope.SIGNALS: "异常信号",
    ApiScope.SPOT_CHECKS: "监管抽查",
    ApiScope.REPORTS: "报送批次与逐条结果",
    ApiScope.FIGURES: "按日按地区的统计",
    ApiScope.EXPORTS: "下载已获批的整表(Parquet)",
}


def read_scopes(words: Iterable[str]) -> tuple[ApiScope, ...]:
    """Return the scopes in the order of `ApiScope`; InvalidInput("invalid_scope") for an unknown word or none."""
    named = set(words)
    if not named or named - set(ApiScope):
        raise InvalidInput("invalid_scope", "没有这种权限范围,请核对 scope。")
    return tuple(one for one in ApiScope if one in named)
