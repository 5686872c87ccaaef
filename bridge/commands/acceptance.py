"""`./anxue acceptance …`: runs too long for `./anxue test`, each of which is imported when it is asked for.

On real systems of others, each a plugin; and the mutation run over `lti/`, which asks for the tests' own worth.
"""

from collections.abc import Mapping

import click

_SYSTEMS: Mapping[str, str] = {
    "moodle": "acceptance.moodle",
    "xapi": "acceptance.xapi",
    "cmi5": "acceptance.cmi5",
    "bagit": "acceptance.bagit",
    "certificates": "acceptance.certificates",
    "regulator": "acceptance.regulator",
}
"""What can be accepted on → the plugin's name."""

_MUTATION = "mutation"
_MEMORY = "memory"
_FACE_LOAD = "face-load"


class _Systems(click.Group):
    """A group that imports a command when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*_SYSTEMS, _FACE_LOAD, _MEMORY, _MUTATION])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        from bridge.plugin_loader import load

        if cmd_name == _MUTATION:
            from bridge.setup.mutation.command import mutation

            return mutation
        if cmd_name == _MEMORY:
            from bridge.bench.memory import memory

            return memory
        if cmd_name == _FACE_LOAD:
            from bridge.bench.face_load import face_load

            return face_load
        if cmd_name not in _SYSTEMS:
            return None
        command: click.Command = load(_SYSTEMS[cmd_name])
        return command


@click.group(
    "acceptance",
    cls=_Systems,
    help="耗时较长的验收:真实的外部系统、变异测试、内存、全班同时核验;写下带日期的记录。",
)
def acceptance() -> None:
    """Hold the commands together."""
