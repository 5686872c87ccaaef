"""The operator's side of course material: load it with the catalogue, and hold every kept file against its hash."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click
from sqlalchemy import select

from bridge.db.unit_of_work import Tx
from bridge.identity.tables import StaffAccountRow
from bridge.kernel.errors import InvalidInput
from bridge.kernel.json_line import print_json
from bridge.registry.material_catalogue import MaterialEntry, read_materials
from bridge.registry.materials import Offered, kept_files, take_in
from bridge.settings import Settings
from bridge.wiring import House


@dataclass(frozen=True, slots=True)
class TakenIn:
    """A material of a catalogue whose file is kept already."""

    entry: MaterialEntry
    offered: Offered


def take_in_materials(house: House, folder: Path) -> Sequence[TakenIn]:
    """Keep the files that the catalogue's `materials.yaml` names; in no unit of work, since a PDF takes seconds."""
    taken = []
    for entry in read_materials(folder):
        with entry.path.open("rb") as file:
            taken.append(TakenIn(entry, take_in(file, house.material_files, house.page_drawer)))
    return taken


def enter_materials(house: House, tx: Tx, taken: Sequence[TakenIn]) -> int:
    """Give the units their materials, once; return how many are reviewed.

    Raises:
        InvalidInput: staff_unknown, and as `Materials.enter`.
    """
    materials = house.at(tx).materials
    reviewed = 0
    for one in taken:
        entry = one.entry
        stands = materials.find(entry.course, entry.unit)
        # Times that staff set on their page outlive a catalogue that names none.
        same = stands is not None and stands.sha256 == one.offered.content.sha256
        if stands is not None and same and entry.times_ms is None:
            made = stands
        else:
            by = _staff(tx, entry.entered_by)
            made = materials.enter(entry.course, entry.unit, one.offered, by, entry.times_ms)
        if made.reviewed_by is None and entry.reviewed_by is not None:
            made = materials.review(entry.course, entry.unit, made.version, _staff(tx, entry.reviewed_by))
        reviewed += made.reviewed_by is not None and (stands is None or stands.reviewed_by is None)
    return reviewed


def _staff(tx: Tx, login: str) -> str:
    found = tx.session.scalar(
        select(StaffAccountRow.id).where(
            StaffAccountRow.login == login, StaffAccountRow.institution_id == tx.institution_id
        )
    )
    if found is None:
        raise InvalidInput("staff_unknown", f"materials.yaml 里的账号 {login} 不是这个机构的工作人员。")
    return found


@click.command("materials", help="逐个核对课件文件与登记的校验值,缺失或损坏时列出并以 1 退出。")
@click.option("--json", "as_json", is_flag=True, help="只输出一行 JSON。")
def materials_command(as_json: bool) -> None:
    """Hold each kept file against the hash that it is named by."""
    house = House.build(Settings())
    try:
        with house.uow.across_institutions("hold course material against its hashes", read_only=True) as tx:
            names = kept_files(tx)
        wrong = [name for name in names if not house.material_files.is_whole(name)]
    finally:
        house.close()
    if as_json:
        print_json({"files": len(names), "wrong": wrong})
    else:
        click.echo(f"课件文件 {len(names)} 个,{len(wrong)} 个缺失或损坏。")
        for name in wrong:
            click.echo(f"缺失或损坏:{name}(请从备份恢复 materials/{name[:2]}/{name})")
    if wrong:
        raise SystemExit(1)
