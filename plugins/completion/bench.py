"""`./anxue bench certificate`: our whole printing of a paper against a bare typst compile of its like, and our sealing
against pyHanko's own signing of the same file."""

import asyncio
import json
import statistics
import time
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import SigSeedSubFilter
from pyhanko.sign.signers import PdfSignatureMetadata, Signer, async_sign_pdf

from bridge.completion.model import Paper, PaperKind, PrintedField, PrintedTable
from bridge.completion.paper_number import new_number, new_verify_code
from bridge.completion.seal_model import OPERATOR, SealField, SealHolder
from bridge.kernel.time import legal_date
from bridge.settings import Settings
from plugins.completion.memory_keys import MemorySealKeys
from plugins.completion.pades_seal import PadesSeals
from plugins.completion.qr_code import qr_svg
from plugins.completion.seal_sources import TestAuthority
from plugins.completion.typst_pdf import TypstPrinter

_PAPERS = 400
_SEALED = 200
_WARM = 5
_INSTITUTION, _OPERATOR = (
    SealHolder("org_bench", "示例安全技术培训中心"),
    SealHolder(OPERATOR, "示例网络平台"),
)


def run(fonts: Path | None = None) -> dict[str, Any]:
    """Return the bench object; `ratio` = our papers per second ÷ bare typst's, `signed_ratio` = our sealed papers per
    second ÷ pyHanko's own (targets ≥ 0.9 each).

    Bare: values checked and QR drawn before, typst alone is timed. typst remembers what it set before, so
    every paper of either side is a new one. pyHanko's own: both signatures of the same PDF by its published function,
    its signers ready before. The sides take turns paper by paper, which begins changes each time; medians are compared.

    Args:
        fonts: default: where set-up put them.
    """
    printer = TypstPrinter(fonts or Settings().assets / "fonts")
    ours, bare, files = _printing(printer)
    sealing, signing = _sealing(files)
    our_rate, bare_rate, seal_rate, sign_rate = (
        1e9 / statistics.median(times) for times in (ours, bare, sealing, signing)
    )
    ratio, signed_ratio = round(our_rate / bare_rate, 3), round(seal_rate / sign_rate, 3)
    return {
        "name": "certificate",
        "n": _PAPERS,
        "per_second": round(our_rate, 1),
        "ratio": ratio,
        "sealed_per_second": round(seal_rate, 1),
        "signed_ratio": signed_ratio,
        "peers": [
            {"name": "typst", "figure": round(bare_rate, 1), "unit": "PDF/s", "ratio": ratio},
            {"name": "pyHanko", "figure": round(sign_rate, 1), "unit": "PDF/s", "ratio": signed_ratio},
        ],
    }


def _printing(printer: TypstPrinter) -> tuple[list[int], list[int], list[bytes]]:
    ours: list[int] = []
    bare: list[int] = []
    files: list[bytes] = []
    for index in range(_PAPERS + _WARM):
        paper, peer = _paper(2 * index), _paper(2 * index + 1)
        printed, qr = json.dumps(peer.printed(), ensure_ascii=False), qr_svg(peer.verify_url)
        for own in (True, False) if index % 2 else (False, True):
            start = time.perf_counter_ns()
            pdf = printer.print_paper(paper) if own else printer.typeset(printed, qr, peer)
            taken = time.perf_counter_ns() - start
            if index >= _WARM:
                (ours if own else bare).append(taken)
            if own and len(files) < _SEALED + _WARM:
                files.append(pdf)
    return ours, bare, files


def _sealing(files: list[bytes]) -> tuple[list[int], list[int]]:
    keys, source = MemorySealKeys(), TestAuthority()
    seals = PadesSeals(source)
    signers = [
        (one.value, source(holder, keys))
        for one, holder in zip(SealField, (_INSTITUTION, _OPERATOR), strict=True)
    ]
    ours: list[int] = []
    own: list[int] = []
    for index, pdf in enumerate(files):
        for we in (True, False) if index % 2 else (False, True):
            start = time.perf_counter_ns()
            if we:
                seals.seal(pdf, _INSTITUTION, _OPERATOR, keys)
            else:
                asyncio.run(_signed(pdf, signers))
            taken = time.perf_counter_ns() - start
            if index >= _WARM:
                (ours if we else own).append(taken)
    return ours, own


async def _signed(pdf: bytes, signers: list[tuple[str, Signer]]) -> bytes:
    """Return the file with the same two signatures, as pyHanko's documentation makes them."""
    file = BytesIO(pdf)
    for name, signer in signers:
        meta = PdfSignatureMetadata(field_name=name, md_algorithm="sha256", subfilter=SigSeedSubFilter.PADES)
        await async_sign_pdf(IncrementalPdfFileWriter(file), meta, signer, in_place=True)
    return file.getvalue()


def _paper(index: int) -> Paper:
    now = datetime.now(UTC)
    number, code = new_number("440100", now.year), new_verify_code()
    surname, given = "陈黄李张刘"[index % 5], "安强敏伟静"[index // 5 % 5]
    return Paper(
        kind=PaperKind.HOUR_CERTIFICATE,
        number=number,
        verify_code=code,
        verify_url=f"https://bridge.example.cn/verify/{number}/{code}",
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
