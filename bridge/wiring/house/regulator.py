"""The way to the regulator: the batches' format, the door and its rules, who carries."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

from bridge.kernel.errors import Unavailable
from bridge.kernel.ids import InstitutionId
from bridge.plugin_loader import load
from bridge.reporting.courier import Courier
from bridge.reporting.door import DoorRules
from bridge.reporting.service import ReportingService
from bridge.wiring.feed_rules import door_rules

if TYPE_CHECKING:
    from bridge.wiring.house import House


def batch_format(house: "House") -> Any:
    return load("reporting.guangdong")(lambda: batch_signer(house))


def batch_signer(house: "House") -> Any:
    """Return who signs batches, as the settings say; what making it raises says why nothing can be signed."""
    settings = house.settings
    return load("signer.guangdong")(
        settings.regulator_signature,
        house.key("regulator feed signature"),
        settings.regulator_signing_key,
        settings.config / "feeds" / "sm2.yaml",
    )


def feed_rules(house: "House") -> DoorRules:
    return door_rules(house.settings.config)


def regulator_feed(house: "House") -> Any:
    """The regulator's door; Unavailable("regulator_missing") if there is nowhere to send to."""
    settings = house.settings
    if not settings.regulator_url:
        raise Unavailable("regulator_missing", "尚未设置监管平台地址,批次保留在待发队列中。")
    return load("feed.guangdong")(
        settings.regulator_url, settings.regulator_key, ca_file=settings.regulator_ca
    )


def courier(house: "House", institution: InstitutionId) -> Courier:
    """Return who carries the institution's batches; Unavailable("regulator_missing") if there is nowhere to."""
    feed = house.regulator_feed

    @contextmanager
    def unit() -> Iterator[ReportingService]:
        with house.uow.for_institution(institution) as tx:
            yield house.at(tx).reporting

    units: Callable[[], AbstractContextManager[ReportingService]] = unit
    return Courier(units, feed)
