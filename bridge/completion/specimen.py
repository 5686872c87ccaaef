"""A paper of nobody, to look at and to try printers and seals on: made-up words, as long as papers get. Pure."""

from datetime import datetime

from bridge.completion.model import Paper, PaperKind, PrintedField, PrintedTable
from bridge.kernel.time import legal_date

MARK = "样张·无效"
NUMBER, CODE = "440100-2026-YANGZ-HANG0-YANGZ-0", "YANGZ0WX"
"""Neither is a number that anybody gets, and nothing else on the paper contains them: a template that leaves one out
is found."""


def made_up_paper(
    kind: PaperKind,
    now: datetime,
    *,
    issuer: str = "示例安全技术培训中心",
    uscc: str = "91440101MA59EXAMPL",
    operator: str = "示例网络平台",
    public_url: str = "https://bridge.example.cn",
    number: str = NUMBER,
) -> Paper:
    """Return the specimen: as long as papers get, so that what fits here fits."""
    fields = [
        PrintedField("name", "姓名", "某某某"),
        PrintedField("citizen_id", "公民身份号码", "440***********0000"),
        PrintedField("employer", "工作单位", "某某某某某某某某某某有限公司"),
        PrintedField("class_run", "班次", "低压电工作业理论（样张）第 1 期"),
        PrintedField("outline", "培训大纲", "特种作业人员安全技术培训大纲（样张）"),
        PrintedField("training_kind", "培训类别", "初次培训"),
        PrintedField("division", "培训地区", "某某市（440000）"),
        PrintedField("online_class_hours", "网络学时", "61 学时"),
        PrintedField("credited", "网络学习时长", "45 小时 45 分"),
    ]
    if kind is PaperKind.COMPLETION_STATEMENT:
        fields += [
            PrintedField("offline_class_hours", "线下学时", "27 学时"),
            PrintedField("total_class_hours", "理论学时合计", "88 学时"),
        ]
    fields += [
        PrintedField("test", "测试成绩", "90 分（满分 100），合格"),
        PrintedField("checks", "测试人脸核验", "通过 3 次"),
        PrintedField("period", "网络学习起止", "2026-01-05 08:00 至 2026-01-30 17:00"),
    ]
    rows = tuple((f"大纲单元（样张）{n}", "网络", "8", "6 小时 0 分", "达到") for n in range(1, 7))
    return Paper(
        kind=kind,
        number=number,
        verify_code=CODE,
        verify_url=f"{public_url}/verify/{number}/{CODE}",
        mark=MARK,
        issuer=issuer,
        uscc=uscc,
        operator=operator,
        statement="兹证明下列学员在本班次中完成网络课程学习，经测试合格，取得网络学时 61 学时。",
        fields=tuple(fields),
        table=PrintedTable(("大纲单元", "方式", "要求学时", "认定时长", "结果"), rows),
        notes=(
            "学时认定依据：粤应急规〔2022〕3号、AQ 8011-2023。",
            f"{MARK}：人员与学时均为虚构，不得作为培训凭证使用。",
            f"学时账本末端 SHA-256:{'0' * 64}",
        ),
        issued_on=legal_date(now),
        issued_at=now,
    )
