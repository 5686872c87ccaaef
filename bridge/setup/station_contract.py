"""The import contract of the line of the law, for import-linter (its table stands in pyproject.toml).

import-linter's own contracts cannot say "only the model of an earlier station", nor "standard library alone".
"""

import sys
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


class StationContract(Contract):
    """What a station may import, and that the core imports the standard library alone.

    Options (names are relative to `package`; a name that does not exist yet is no error):
        line: the stations in the order of the law; each may import the `model` of those before it.
        beside: stations whose `model` every station may import; they import no other station.
        outside: stations that may import the `model` of all others; no station imports them.
        ground: what every station may import; each ground package may import those before it in this list.
        pure: patterns of modules that may reach, directly or not, the standard library alone.
        pure_exceptions: modules to which `pure` does not apply.
    """

    type_name = "stations"

    package = fields.StringField()
    line = fields.ListField(subfield=fields.StringField())
    beside = fields.ListField(subfield=fields.StringField())
    outside = fields.ListField(subfield=fields.StringField())
    ground = fields.ListField(subfield=fields.StringField())
    pure = fields.ListField(subfield=fields.StringField())
    pure_exceptions = fields.ListField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Return whether every import keeps the contract; `metadata["breaks"]` lists the others."""
        breaks = sorted({*self._breaks_of_the_line(graph), *self._breaks_of_purity(graph)})
        return ContractCheck(kept=not breaks, metadata={"breaks": breaks})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Print one line for each import that breaks the contract."""
        for line in check.metadata["breaks"]:
            output.print_error(f"- {line}")

    def _options(self, name: str) -> list[str]:
        values: Any = getattr(self, name)
        return list(values)

    def _breaks_of_the_line(self, graph: ImportGraph) -> Iterator[str]:
        prefix = f"{self.package}."
        for importer in graph.modules:
            home = _first_part(importer, prefix)
            may = self._may_import(home)
            if may is None:
                continue
            for imported in graph.find_modules_directly_imported_by(importer):
                target = _first_part(imported, prefix)
                if not target or target == home or target in may:
                    continue
                model = f"{prefix}{target}.model"
                if f"{target}.model" in may and (imported == model or imported.startswith(f"{model}.")):
                    continue
                lines = sorted(
                    {d["line_number"] for d in graph.get_import_details(importer=importer, imported=imported)}
                )
                yield f"{importer} may not import {imported} (line {', '.join(map(str, lines))})"

    def _may_import(self, home: str) -> set[str] | None:
        """Return what modules of `home` may import beside their own package; None: the contract is silent."""
        line, beside, outside = self._options("line"), self._options("beside"), self._options("outside")
        ground = self._options("ground")
        if home in ground:
            return set(ground[: ground.index(home)])
        if home in beside:
            return set(ground)
        if home in line:
            earlier = [*beside, *line[: line.index(home)]]
        elif home in outside:
            earlier = [*beside, *line, *outside[: outside.index(home)]]
        else:
            return None
        return {*ground, *(f"{station}.model" for station in earlier)}

    def _breaks_of_purity(self, graph: ImportGraph) -> Iterator[str]:
        prefix = f"{self.package}."
        ours = {str(self.package), *sys.stdlib_module_names}
        for module in graph.modules:
            if not module.startswith(prefix) or not self._is_pure(module.removeprefix(prefix)):
                continue
            for reached in graph.find_upstream_modules(module):
                root = reached.partition(".")[0]
                if root in ours:
                    continue
                chain = graph.find_shortest_chain(importer=module, imported=reached) or (module, reached)
                yield f"{module} must be standard library alone: {' -> '.join(chain)}"

    def _is_pure(self, name: str) -> bool:
        def matches(pattern: str) -> bool:
            return fnmatchcase(name, pattern) or fnmatchcase(name, f"{pattern}.*")

        return any(map(matches, self._options("pure"))) and not any(
            map(matches, self._options("pure_exceptions"))
        )


def _first_part(module: str, prefix: str) -> str:
    return module.removeprefix(prefix).partition(".")[0] if module.startswith(prefix) else ""
