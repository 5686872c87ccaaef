"""Where encrypted evidence lies: each setting from the environment with the prefix ANXUE_."""

from typing import Literal, Self

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

_LOOPBACK = ("http://127.0.0.1:", "http://localhost:")


class StoreSettings(BaseSettings):
    """The store of the vault's ciphertext: a folder of this machine, or a bucket of an S3-compatible service."""

    model_config = SettingsConfigDict(env_prefix="ANXUE_", extra="ignore", hide_input_in_errors=True)

    evidence_store: Literal["folder", "s3"] = Field(
        "folder", description="Where encrypted evidence lies: folder (evidence/ in the data folder), or s3."
    )
    s3_endpoint: str = Field(
        "", description="Address of the S3-compatible service, https, without the bucket."
    )
    s3_bucket: str = Field(
        "",
        pattern=r"^([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])?$",
        description="The bucket; it must be there already.",
    )
    s3_prefix: str = Field(
        "",
        pattern=r"^[A-Za-z0-9._/-]{0,100}$",
        description="What every object's name begins with, e.g. bridge-1/.",
    )
    s3_region: str = Field(
        "us-east-1", pattern=r"^[A-Za-z0-9-]{1,60}$", description="Region that is signed for."
    )
    s3_access_key: str = Field(
        "", description="Access key id of an account that may write this bucket alone."
    )
    s3_secret_key: str = Field("", description="Its secret.", repr=False)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.evidence_store == "s3":
            if not self.s3_endpoint.startswith(("https://", *_LOOPBACK)):
                raise ValueError(
                    "s3_endpoint_not_https: ANXUE_S3_ENDPOINT 须以 https:// 开头(本机可用 http://127.0.0.1)"
                )
            if not (self.s3_bucket and self.s3_access_key and self.s3_secret_key):
                raise ValueError(
                    "s3_incomplete: 请设置 ANXUE_S3_BUCKET、ANXUE_S3_ACCESS_KEY 和 ANXUE_S3_SECRET_KEY"
                )
        return self
