"""Settings of the seals on papers, each from the environment with the prefix ANXUE_SEAL_."""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class SealSettings(BaseSettings):
    """Whose certificates seal papers, and where their keys are."""

    model_config = SettingsConfigDict(env_prefix="ANXUE_SEAL_", extra="ignore", hide_input_in_errors=True)

    source: Literal["test", "pkcs12", "pkcs11", "sm2"] = Field(
        "test",
        description="test (a test CA of this bridge; papers then prove nothing and say so), pkcs12, pkcs11.",
    )
    pkcs12_folder: Path | None = Field(
        None,
        description="Folder with operator.p12 and <institution id>.p12, each beside a .pass file with its passphrase.",
    )
    pkcs11_module: Path | None = Field(None, description="The token's PKCS#11 library (.so).")
    pkcs11_token: str = Field("", description="Label of the token.")
    pkcs11_pin_file: Path | None = Field(
        None,
        description="File with the user PIN. Certificates and keys there are labelled operator and <institution id>.",
    )
    trust: Path | None = Field(
        None, description="PEM file of the root certificates that vouch for the seals; for the verify page."
    )
    fonts: Path | None = Field(
        None, description="Folder with the operator's own fonts (.ttf, .otf) for rare characters of names."
    )
    timestamp_url: str = Field(
        "", description="Address of a time-stamp authority (RFC 3161); empty: no time-stamps."
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.source == "sm2":
            raise ValueError(
                "seal_sm2_missing: 国密(SM2)签章需要签章服务或密码机的适配插件,本版本没有附带,"
                "请先用 ANXUE_SEAL_SOURCE=pkcs12 或 pkcs11"
            )
        if self.source == "pkcs12" and self.pkcs12_folder is None:
            raise ValueError("seal_pkcs12_folder: 请用 ANXUE_SEAL_PKCS12_FOLDER 指出证书文件夹")
        if self.source == "pkcs11" and not (
            self.pkcs11_module and self.pkcs11_token and self.pkcs11_pin_file
        ):
            raise ValueError(
                "seal_pkcs11: 请设置 ANXUE_SEAL_PKCS11_MODULE、ANXUE_SEAL_PKCS11_TOKEN 和 ANXUE_SEAL_PKCS11_PIN_FILE"
            )
        if self.timestamp_url and not self.timestamp_url.startswith(("https://", "http://")):
            raise ValueError("seal_timestamp_url: ANXUE_SEAL_TIMESTAMP_URL 须是 http(s) 地址")
        return self

    @property
    def is_test(self) -> bool:
        """Whether papers are sealed by certificates that nobody outside of this bridge vouches for."""
        return self.source == "test"
