"""How the regulator's door is used, as config/feeds/ says."""

from functools import lru_cache
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from bridge.kernel.errors import InvalidInput
from bridge.reporting.door import DoorRules


@lru_cache(maxsize=4)
def door_rules(config: Path) -> DoorRules:
    """Return the rules; InvalidInput("feed_rules_malformed") names the file if they cannot be read."""
    path = config / "feeds" / "guangdong.yaml"
    try:
        return DoorRules.read(YAML(typ="safe").load(path))
    except (OSError, YAMLError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidInput("feed_rules_malformed", f"报送设置 {path.name} 无法读取,请检查格式。") from error
