"""Settings of keys and ciphers, each from the environment with the prefix ANXUE_."""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from bridge.db.sealing import Algorithm

_SHORTEST_SECRET = 32
_LOOPBACK = ("http://127.0.0.1:", "http://127.0.0.1/", "http://localhost:", "http://localhost/")
"""An agent of the service on this very machine: what is said to it leaves no machine."""


class KeySettings(BaseSettings):
    """How what is kept of people is encrypted, and who holds the master key."""

    model_config = SettingsConfigDict(env_prefix="ANXUE_", extra="ignore", hide_input_in_errors=True)

    cipher: Algorithm = Field(
        Algorithm.AES_256_GCM,
        description="How new records are sealed: aes-256-gcm or sm4-gcm; older ones stay readable.",
    )
    master_key: Literal["file", "kms"] = Field(
        "file", description="Where the master key is: file (keys/master.key in the data folder), or kms."
    )
    kms_url: str = Field("", description="Address of a key service that speaks our signed contract; https.")
    kms_key: str = Field("anxue", pattern=r"^[A-Za-z0-9_-]{1,64}$", description="Name of the key there.")
    kms_caller: str = Field("", description="Name of the secret that is shared with the service.")
    kms_secret: str = Field("", description="The secret, at least 32 characters.", repr=False)
    kms_private_host: str = Field("", description="Host of the service where it stands on a private network.")
    destroyed_keys: Path | None = Field(
        None,
        description="File that lists destroyed keys, kept apart from backups; default: destroyed-keys.jsonl in keys/.",
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.master_key == "kms":
            if not self.kms_url.startswith(("https://", *_LOOPBACK)):
                raise ValueError(
                    "kms_url_not_https: ANXUE_KMS_URL 须以 https:// 开头(本机可用 http://127.0.0.1)"
                )
            if not self.kms_caller or len(self.kms_secret) < _SHORTEST_SECRET:
                raise ValueError(
                    "kms_secret_short: 请设置 ANXUE_KMS_CALLER 和至少 32 个字符的 ANXUE_KMS_SECRET"
                )
        return self
