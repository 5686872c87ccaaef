"""The learner's file (一人一档) and what may be wrong with one. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bridge.kernel.ids import ClassRunId, EvidenceId, LearnerRef

ITEMS = {
    "1-identity.json": "身份信息",
    "2-employer.json": "工作单位",
    "3-content.json": "学习内容",
    "4-study-time.json": "学习时间",
    "5-duration.json": "学习时长",
    "6-completion.json": "学习完成情况",
    "7-test.json": "测试情况",
}
"""The seven items of 粤应急规〔2022〕3号 第二十六条, by the file that holds each."""

PARTS = {
    "1-learners.json": "学员基本信息",
    "2-courseware.json": "培训课件内容",
    "3-setup.json": "课程设置",
    "4-hour-method.json": "学时记录方式",
    "5-other.json": "其他培训档案",
}
"""The five parts of 粤应急规〔2022〕3号 第十五条, by the file that holds each."""

INDEX = "index.json"
LEDGER = "ledger.jsonl"
CHECKS = "checks.json"
PAPERS = "certificates"
"""Folder of the PDFs, each named by its number."""


@dataclass(frozen=True, slots=True)
class SealedFile:
    """One revision of a learner's file; a reseal is a new revision, the old one stays.

    Args:
        bag_sha256: of the tar that holds the bag.
        ledger_head: of the ledger inside.
        papers: numbers of the papers inside, sorted; with its status after a blank, of one that is valid no more.
    """

    learner: LearnerRef
    class_run: ClassRunId
    revision: int
    bag_sha256: str
    ledger_head: str
    papers: tuple[str, ...]
    evidence_id: EvidenceId
    sealed_at: datetime


@dataclass(frozen=True, slots=True)
class LearnerFile:
    """A learner's file at one moment.

    Args:
        items: the seven, by the file that holds each.
        files: all that goes into a bag, by the path under data/.
    """

    items: Mapping[str, Mapping[str, Any]]
    files: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong with a bag.

    Args:
        path: the file concerned, relative to the bag; "" for the bag itself.
        sentence_zh: what is wrong, naming the file.
    """

    code: str
    path: str
    sentence_zh: str
