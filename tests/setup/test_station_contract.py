"""The contract is tried on import graphs made by hand: each break is found, what is allowed is kept."""

import pytest
from grimp import ImportGraph

from bridge.setup.station_contract import StationContract

_OPTIONS = {
    "package": "bridge",
    "line": ["intake", "identity", "presence"],
    "beside": ["registry"],
    "outside": ["supervision", "support"],
    "ground": ["kernel", "rules", "db"],
    "pure": ["kernel", "rules", "*.model", "*.ports"],
    "pure_exceptions": ["rules.loader"],
}


def _breaks(*imports: tuple[str, str]) -> list[str]:
    graph = ImportGraph()
    for importer, imported in imports:
        for module in (importer, imported):
            if module not in graph.modules:
                graph.add_module(module, is_squashed=not module.startswith("bridge"))
        graph.add_import(importer=importer, imported=imported, line_number=1, line_contents="import")
    contract = StationContract("test", {}, dict(_OPTIONS))
    check = contract.check(graph, verbose=False)
    assert check.kept == (not check.metadata["breaks"])
    return list(check.metadata["breaks"])


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("bridge.presence.service", "bridge.identity.model"),
        ("bridge.presence.service", "bridge.presence.store"),
        ("bridge.intake.store", "bridge.registry.model"),
        ("bridge.supervision.service", "bridge.presence.model"),
        ("bridge.presence.store", "bridge.db.base"),
        ("bridge.presence.model", "dataclasses"),
        ("bridge.rules.loader", "ruamel"),
        ("bridge.presence.store", "sqlalchemy"),
        ("bridge.wiring", "bridge.presence.store"),
    ],
)
def test_what_the_architecture_allows_is_kept(importer: str, imported: str) -> None:
    assert _breaks((importer, imported)) == []


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("bridge.identity.service", "bridge.presence.model"),
        ("bridge.presence.service", "bridge.identity.service"),
        ("bridge.presence.service", "bridge.identity.store"),
        ("bridge.registry.service", "bridge.intake.model"),
        ("bridge.presence.service", "bridge.supervision.model"),
        ("bridge.presence.service", "bridge.flow"),
        ("bridge.kernel.time", "bridge.rules.model"),
        ("bridge.presence.model", "sqlalchemy"),
        ("bridge.rules.decisions", "ruamel"),
        ("bridge.presence.service", "bridge.identity.modelling"),
    ],
)
def test_what_the_architecture_forbids_is_named(importer: str, imported: str) -> None:
    breaks = _breaks((importer, imported))
    assert len(breaks) == 1
    assert importer in breaks[0]
    assert imported in breaks[0]


def test_the_core_may_not_reach_a_library_through_another_module() -> None:
    breaks = _breaks(("bridge.presence.model", "bridge.db.base"), ("bridge.db.base", "sqlalchemy"))
    assert breaks == [
        "bridge.presence.model must be standard library alone: "
        "bridge.presence.model -> bridge.db.base -> sqlalchemy"
    ]
