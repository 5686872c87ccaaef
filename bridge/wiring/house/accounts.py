"""Who signs in, and where real names are asked."""

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from bridge.db.unit_of_work import Tx
from bridge.identity.passkeys import Passkeys
from bridge.identity.ports import RealNameProvider
from bridge.identity.provider_settings import RealNameSettings
from bridge.identity.province_logins import ProvinceLogin, ProvinceLogins
from bridge.identity.province_settings import ProvinceLoginSettings
from bridge.identity.second_factors import SecondFactors
from bridge.identity.sign_in import SignIn
from bridge.plugin_loader import load

if TYPE_CHECKING:
    from bridge.wiring.house import House


def sign_in(house: "House") -> SignIn:
    return SignIn(
        house.uow,
        house.clock,
        house.cipher,
        house.key("known browser"),
        tries=house.settings.sign_in_tries,
        longest_wait=timedelta(minutes=house.settings.sign_in_wait_minutes),
    )


def second_factors(house: "House") -> SecondFactors:
    return SecondFactors(house.uow, house.clock, house.cipher)


def passkeys(house: "House") -> Passkeys:
    return Passkeys(house.uow, house.clock, house.settings.public_url)


def province_settings(house: "House") -> ProvinceLoginSettings:
    return ProvinceLoginSettings()


def province_login(house: "House") -> ProvinceLogin:
    """The province's server of the unified login."""
    login: ProvinceLogin = load("province_login")(
        house.province_settings, demonstration=house.settings.demonstration
    )
    return login


def province_logins(house: "House", tx: Tx) -> ProvinceLogins:
    """Return the operator's list of who signs in by the province, in a unit of work across institutions."""
    return ProvinceLogins(tx.session, house.cipher, house.clock, house.province_settings.token_url)


def real_name_settings(house: "House") -> RealNameSettings:
    return RealNameSettings()


def real_name_providers(house: "House") -> Sequence[RealNameProvider]:
    """The providers that a job asks, the fallback last; none where the enrolment lists are the source."""
    chosen = house.real_name_settings
    if chosen.provider == "roster":
        return ()
    make = load("real_name.remote")
    return tuple(make(name, chosen, house.clock) for name in chosen.chosen)
