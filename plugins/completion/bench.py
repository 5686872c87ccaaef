"""`./anxue bench certificate`: our whole printing of a paper against a bare typst compile of its like."""

import json
import statistics
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bridge.completion.model import Paper, PaperKind, PrintedField, PrintedTable
from bridge.completion.paper_number import new_number, new_verify_code
from bridge.kernel.time import legal_date
from bridge.settings import Settings
from plugins.completion.typst_pdf import TypstPrinter, qr_svg

_PAPERS = 400


def run(fonts: Path | None = None) -> dict[str, Any]:
    """Return the bench object; `ratio` = our papers per second ÷ bare typst's (target ≥ 0.8).

    Bare: values checked and QR drawn before, typst alone is timed. typst remembers what it set before, so
    every paper of either side is a new one. The sides take turns paper by paper; medians are compared.

    Args:
        fonts: default: where set-up put them.
    """
    printer = TypstPrinter(fonts or Settings().assets / "fonts")
    printer.print_paper(_paper(0))
    ours: list[int] = []
    bare: list[int] = []
    for index in range(1, 2 * _PAPERS, 2):
        paper, peer = _paper(index), _paper(index + 1)
        printed, qr = json.dumps(peer.printed(), ensure_ascii=False), qr_svg(peer.verify_url)
        start = time.perf_counter_ns()
        printer.print_paper(paper)
        middle = time.perf_counter_ns()
        printer.typeset(printed, qr, peer)
        ours.append(middle - start)
        bare.append(time.perf_counter_ns() - middle)
    our_rate, bare_rate = (1e9 / statistics.median(times) for times in (ours, bare))
    ratio = round(our_rate / bare_rate, 3)
    return {
        "name": "certificate",
        "n": _PAPERS,
        "per_second": round(our_rate, 1),
        "ratio": ratio,
        "peers": [{"name": "typst", "figure": round(bare_rate, 1), "unit": "PDF/s", "ratio": ratio}],
    }


def _paper(index: int) -> Paper:
    now = datetime.now(UTC)
    number = new_number("440100", now.year)
    surname, given = "陈黄李张刘"[index % 5], "安强敏伟静"[index // 5 % 5]
    return Paper(
        kind=PaperKind.HOUR_CERTIFICATE,
        number=number,
        verify_code=new_verify_code(),
        verify_url=f"https://bridge.example.cn/verify/{number}",
        mark="演练·无效",
        issuer="示例安全技术培训中心",
        uscc="91440101MA59EXAMPL",
        operator="示例网络平台",
        statement="兹证明下列学员在本班次中完成网络课程学习,经测试合格,取得网络学时 2 学时。",
        fields=(
            PrintedField("name", "姓名", f"{surname}晓{given}"),
            PrintedField("citizen_id", "公民身份号码", f"440***********{index:04d}"),
            PrintedField("employer", "工作单位", "示例机电有限公司"),
            PrintedField("class_run", "班次", "低压电工作业理论(示例)第 1 期"),
            PrintedField("training_kind", "培训类别", "初次培训"),
            PrintedField("online_class_hours", "网络学时", "2 学时"),
            PrintedField("credited", "网络学习时长", f"1 小时 {index} 分 13 秒"),
            PrintedField("test", "测试成绩", "88 分(满分 100),合格"),
        ),
        table=PrintedTable(
            ("大纲单元", "方式", "要求学时", "认定时长", "结果"),
            (("用电安全基础", "网络", "2", f"1 小时 {index} 分 13 秒", "达到"),),
        ),
        notes=("学时认定依据:粤应急规〔2022〕3号、AQ 8011-2023。", f"学时账本末端 SHA-256:{index:064x}"),
        issued_on=legal_date(now),
        issued_at=now,
    )
