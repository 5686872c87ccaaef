"""What papers, archives and materials are made with and kept in."""

from typing import TYPE_CHECKING, Any

from bridge.archive.ports import SheetPrinter
from bridge.completion.ports import SealWorks
from bridge.completion.seal_settings import SealSettings
from bridge.plugin_loader import load
from bridge.registry.material_ports import MaterialFiles, PageDrawer

if TYPE_CHECKING:
    from bridge.wiring.house import House


def printer(house: "House") -> Any:
    return load("printer.typst")(house.settings.assets / "fonts", house.seal_settings.fonts)


def seal_settings(house: "House") -> SealSettings:
    return SealSettings()


def seals(house: "House") -> SealWorks:
    works: SealWorks = load("seals.pades")(house.seal_settings)
    return works


def paper_picture(house: "House", pdf: bytes) -> bytes:
    """Return a paper's page as PNG."""
    picture: bytes = load("picture.paper")(pdf)
    return picture


def sheet_printer(house: "House") -> SheetPrinter:
    printer: SheetPrinter = load("sheets.typst")(house.settings.assets / "fonts")
    return printer


def bags(house: "House") -> Any:
    return load("bag.bagit")()


def material_files(house: "House") -> MaterialFiles:
    files: MaterialFiles = load("materials.local_folder")(house.settings.data_dir / "materials")
    return files


def page_drawer(house: "House") -> PageDrawer:
    drawer: PageDrawer = load("materials.pdf_pages")()
    return drawer
