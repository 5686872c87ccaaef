"""`./anxue acceptance …`: acceptance on real systems of others, each a plugin that is imported when it is asked for."""

from collections.abc import Mapping

import click

_SYSTEMS: Mapping[str, str] = {"moodle": "acceptance.moodle"}
"""What can be accepted on → the plugin's name."""


class _Systems(click.Group):
    """A group that imports a command when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_SYSTEMS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        from bridge.plugin_loader import load

        if cmd_name not in _SYSTEMS:
            return None
        command: click.Command = load(_SYSTEMS[cmd_name])
        return command


@click.group("acceptance", cls=_Systems, help="在真实的外部系统上验收,并写下带日期的记录。")
def acceptance() -> None:
    """Hold the commands together."""
