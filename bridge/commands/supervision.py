"""`./anxue supervision …`: whether the figures that authorities see are what a full recount of their sources says."""

from collections.abc import Sequence

import click
from sqlalchemy import select

from bridge.kernel.ids import ClassRunId, InstitutionId, LearnerRef
from bridge.kernel.json_line import print_json
from bridge.ledger.store import LedgerHeadRow
from bridge.registry.tables import ClassRunRow
from bridge.settings import Settings
from bridge.supervision.recount import differences
from bridge.supervision.rollups import cells
from bridge.wiring import House
from bridge.wiring.rollup_jobs import days_differ


@click.group("supervision", help="监管统计:与台账和各项记录逐日重新核对。")
def supervision() -> None:
    """Hold the commands together."""


@supervision.command("recount", help="重新统计全部班次的每一天,与看板数据逐项比较;有差异时以 1 退出。")
@click.option("--ledgers", is_flag=True, help="同时逐个学员重算台账,核对每天的学习时间(较慢)。")
@click.option("--repair", is_flag=True, help="请工作进程重新统计有差异的班次和学员。")
def recount_command(ledgers: bool, repair: bool) -> None:
    """Print each difference as a line of JSON, then how much was compared.

    Cells whose job is still waiting (up to a minute) count as different: run it again once the worker is done.
    """
    house = House.build(Settings())
    try:
        with house.uow.across_institutions("recount what authorities see", read_only=True) as tx:
            runs = [
                (InstitutionId(owner), ClassRunId(run))
                for owner, run in tx.session.execute(select(ClassRunRow.institution_id, ClassRunRow.id))
            ]
            found, kept = differences(tx, runs), cells(tx)
            heads = select(
                LedgerHeadRow.institution_id, LedgerHeadRow.learner_ref, LedgerHeadRow.class_run_id
            )
            learners = [(row[0], row[1], row[2]) for row in tx.session.execute(heads)]
        for one in found:
            print_json(one)
        others = _ledgers(house, learners, repair=repair) if ledgers else 0
        if repair:
            wrong = {one["class_run"] for one in found}
            for owner, run in runs:
                if run in wrong:
                    with house.uow.for_institution(owner) as tx:
                        house.at(tx).rollups.ask_all(run)
        result = {"class_runs": len(runs), "cells": kept, "differences": len(found) + others}
        print_json({**result, **({"ledgers": len(learners)} if ledgers else {})})
    finally:
        house.close()
    raise SystemExit(1 if result["differences"] else 0)


def _ledgers(house: House, learners: Sequence[tuple[str, str, str]], *, repair: bool) -> int:
    """Print each learner whose days are not what the ledger says; return how many there are."""
    wrong = 0
    for owner, learner, run in learners:
        institution, pair = InstitutionId(owner), (LearnerRef(learner), ClassRunId(run))
        days = days_differ(house, institution, *pair)
        if not days:
            continue
        wrong += 1
        print_json(
            {
                "what": "ledger",
                "class_run": run,
                "learner": learner,
                "days": [day.isoformat() for day in days],
            }
        )
        if repair:
            with house.uow.for_institution(institution) as tx:
                house.at(tx).rollups.ask_learner(*pair)
    return wrong
