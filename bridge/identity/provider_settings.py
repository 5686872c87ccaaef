"""Settings of real-name providers, each from the environment with the prefix ANXUE_REAL_NAME_."""

from typing import Literal, Self

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

Provider = Literal["roster", "http", "aliyun", "tencent", "baidu", "network_identity"]


class RealNameSettings(BaseSettings):
    """Which provider says whether a name and a number belong together, and the keys to it."""

    model_config = SettingsConfigDict(
        env_prefix="ANXUE_REAL_NAME_", extra="ignore", hide_input_in_errors=True
    )

    provider: Provider = Field(
        "roster", description="roster, http, aliyun, tencent, baidu, network_identity."
    )
    fallback: Provider | Literal[""] = Field(
        "",
        description="Who is asked while the provider is out of order; never after an answer of the provider.",
    )
    http_url: str = Field("", description="Address of a service that speaks our signed contract; https.")
    http_key_id: str = Field("", description="Name of the key shared with that service.")
    http_secret: str = Field("", description="The key, at least 32 characters.", repr=False)
    http_private_host: str = Field(
        "",
        description="Host of that service where it stands on a private network; no other private address is called.",
    )
    aliyun_key_id: str = Field("", description="AccessKey ID of a RAM user for Id2MetaVerify alone.")
    aliyun_key_secret: str = Field("", description="AccessKey secret.", repr=False)
    tencent_secret_id: str = Field("", description="SecretId for ImageRecognitionV2.")
    tencent_secret_key: str = Field("", description="SecretKey.", repr=False)
    tencent_threshold: int = Field(70, ge=70, le=100, description="Similarity from which it is a match.")
    baidu_api_key: str = Field("", description="API Key for face/v3/person/verify.")
    baidu_secret_key: str = Field("", description="Secret Key.", repr=False)
    baidu_threshold: int = Field(80, ge=80, le=100, description="Score from which it is a match.")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.fallback and (self.fallback == self.provider or "roster" in (self.provider, self.fallback)):
            raise ValueError(
                "real_name_fallback: 备用核验服务须与主用不同;报名名单不能作备用,也不需要备用,"
                "请修改 ANXUE_REAL_NAME_FALLBACK"
            )
        if "http" in (self.provider, self.fallback):
            if not self.http_url.startswith("https://"):
                raise ValueError("real_name_url_not_https: ANXUE_REAL_NAME_HTTP_URL 须以 https:// 开头")
            if len(self.http_secret) < 32:
                raise ValueError("real_name_secret_short: ANXUE_REAL_NAME_HTTP_SECRET 至少 32 个字符")
        return self

    @property
    def chosen(self) -> tuple[Provider, ...]:
        """The provider, then the fallback if there is one."""
        return (self.provider, self.fallback) if self.fallback else (self.provider,)
