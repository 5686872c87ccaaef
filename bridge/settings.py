"""Settings, read once. Each comes from the environment with the prefix ANXUE_ or has a default that works."""

from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

_STAFF = frozenset({"administrator", "operator", "authority", "institution"})
ROOT = Path(__file__).resolve().parent.parent
"""The checkout: config/ and the default var/ stand here."""


class Mode(StrEnum):
    """What the process is for."""

    PRODUCTION = "production"
    DEMONSTRATION = "demonstration"


class Settings(BaseSettings):
    """How this bridge runs."""

    model_config = SettingsConfigDict(env_prefix="ANXUE_", extra="ignore", hide_input_in_errors=True)

    mode: Mode = Field(
        Mode.PRODUCTION, description="production, or demonstration (made-up people, scaled study time)."
    )
    var: Path = Field(ROOT / "var", description="Folder for database, keys, evidence, queue and assets.")
    config: Path = Field(
        ROOT / "config", description="Folder with rule packs, profiles, schemas and face packs."
    )
    data: Path | None = Field(None, description="Folder for what this bridge writes; default: var/bridge.")
    database_url: str = Field(
        "", description="sqlite:///… or postgresql://…; default: SQLite in the data folder."
    )
    broker_url: str = Field(
        "", description="redis://… or amqp://…; default: a folder, with durable job rows."
    )
    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8080, ge=1, le=65535, description="Port to listen on.")
    public_url: str = Field(
        "", description="What browsers type, e.g. https://bridge.example.cn; default: http://host:port."
    )
    trusted_proxies: str = Field(
        "",
        description="Addresses or networks (10.0.0.0/24) of the proxies in front, separated by commas; only their"
        " X-Forwarded-For is believed.",
    )
    web_threads: int = Field(16, ge=1, le=64, description="Threads that answer requests.")
    study_factor: int = Field(
        1, ge=1, le=600, description="Study seconds in a real second; above 1 in the demonstration only."
    )
    face_pack: str = Field(
        "default", description="Folder under config/facepacks/, or the absolute path of one's own."
    )
    judges: int = Field(
        2,
        ge=0,
        le=64,
        description="Processes that judge faces and do nothing else, one core each when busy; 0: the worker does it.",
    )
    regulator_url: str = Field("", description="Where batches go; empty: they wait in the outbox.")
    platform_code: str = Field(
        "anxue-bridge", pattern=r"^[A-Za-z0-9-]{1,40}$", description="How the regulator names this bridge."
    )
    roster_minutes: int = Field(
        60, ge=5, le=10080, description="How often the rosters of LMS courses are read again, in minutes."
    )
    fixity_days: int = Field(
        90,
        ge=1,
        le=3650,
        description="All stored evidence is read and hashed again so often, in days (practice).",
    )
    regulator_key: str = Field("", description="Bearer key for the regulator's door.", repr=False)
    regulator_ca: Path | None = Field(
        None,
        description="PEM of the authority behind the regulator's certificate; default: those of the system.",
    )
    regulator_signature: str = Field(
        "xmldsig", description="How batches are signed: xmldsig, or sm2 where an adapter for it is installed."
    )
    regulator_signing_key: Path | None = Field(
        None,
        description="PEM with the key (and certificate) that signs batches; default: a key of this bridge's own.",
    )
    password_length: int = Field(
        12,
        ge=8,
        le=64,
        description="Least characters of a staff password (practice; GB/T 22239 8.1.4.1 gives no value).",
    )
    sign_in_tries: int = Field(
        5,
        ge=3,
        le=20,
        description="Wrong tries at an account before its first wait, which doubles (practice; as above).",
    )
    sign_in_wait_minutes: int = Field(
        60,
        ge=1,
        le=1440,
        description="No account waits longer after wrong tries, in minutes (practice; as above).",
    )
    staff_idle_minutes: int = Field(
        30,
        ge=5,
        le=60,
        description="Staff are signed out after so many minutes without a click (practice; as above).",
    )
    staff_session_hours: int = Field(
        10,
        ge=1,
        le=24,
        description="Staff sign in again after so many hours at the latest (practice; as above).",
    )
    api_requests_per_minute: int = Field(
        600,
        ge=10,
        le=1_000_000,
        description="Requests to the read API of one client, or one address, in a minute (practice).",
    )

    second_factor: str = Field(
        "",
        description="Roles that must prove a second factor, separated by commas: administrator, operator, authority,"
        " institution; or none. Default: all of them, in the demonstration none.",
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.mode is Mode.PRODUCTION and self.study_factor != 1:
            raise ValueError(
                "study_factor_in_production: 只有演示模式可以加速学习时钟,请删除 ANXUE_STUDY_FACTOR"
            )
        _ = self.proxy_networks, self.second_factor_roles
        if self.data is None:
            self.data = self.var / "bridge"
        self.database_url = self.database_url or f"sqlite:///{self.data / 'anxue.sqlite3'}"
        self.public_url = (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")
        if (
            self.mode is Mode.PRODUCTION
            and self.public_url.startswith("http://")
            and not self.listens_on_loopback
        ):
            raise ValueError("public_url_not_https: 正式运行须使用 https,请设置 ANXUE_PUBLIC_URL=https://…")
        return self

    @property
    def proxy_networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """Where the proxies in front connect from.

        Raises:
            ValueError: no address or network; or all addresses there are, which would believe every visitor.
        """
        words = [word.strip() for word in self.trusted_proxies.split(",") if word.strip()]
        try:
            networks = tuple(ip_network(word) for word in words)
        except ValueError as error:
            raise ValueError(
                "trusted_proxies_malformed: 请填写代理的 IP 地址或网段,多个用逗号分开,如 10.0.0.5,10.1.0.0/24"
            ) from error
        if any(network.prefixlen == 0 for network in networks):
            raise ValueError("trusted_proxies_everybody: 不能信任所有地址,请只填写自己的代理")
        return networks

    @property
    def second_factor_roles(self) -> frozenset[str]:
        """Roles of staff that see nothing of people before they proved a second factor; ValueError for another word."""
        words = frozenset(word.strip() for word in self.second_factor.split(",") if word.strip())
        if not words:
            return frozenset() if self.demonstration else _STAFF
        if words == {"none"}:
            return frozenset()
        if words - _STAFF:
            raise ValueError(f"second_factor_unknown_role: 请从 {', '.join(sorted(_STAFF))} 中选择,或写 none")
        return words

    @property
    def listens_on_loopback(self) -> bool:
        """Whether only this machine can reach the bridge directly."""
        return self.host in {"127.0.0.1", "::1", "localhost"}

    @property
    def data_dir(self) -> Path:
        """Where this bridge writes."""
        if self.data is None:
            raise RuntimeError("settings were not validated")
        return self.data

    @property
    def assets(self) -> Path:
        """Front-end assets, fonts and face weights, put there by set-up."""
        return self.var / "assets"

    @property
    def demonstration(self) -> bool:
        return self.mode is Mode.DEMONSTRATION
