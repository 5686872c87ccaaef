"""Settings of the provincial unified login, each from the environment with the prefix ANXUE_PROVINCE_LOGIN_.

No public document of today's interface is known, so every address and every name of a field is a setting and none is
invented (docs/identity-providers.md).
"""

from typing import Literal, Self

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

_NEEDED = ("authorize_url", "token_url", "user_url", "client_id", "client_secret", "user_path")


class ProvinceLoginSettings(BaseSettings):
    """How officials and institutions sign in by the province's OAuth2 authorization code flow (RFC 6749 §4.1)."""

    model_config = SettingsConfigDict(
        env_prefix="ANXUE_PROVINCE_LOGIN_", extra="ignore", hide_input_in_errors=True
    )

    title: str = Field("省统一身份认证", max_length=30, description="What the button on the page says.")
    authorize_url: str = Field("", description="Address of the authorization page; empty: this way is off.")
    token_url: str = Field("", description="Address that gives a token for a code.")
    user_url: str = Field("", description="Address that says who the token is of.")
    client_id: str = Field("", description="As the province registered this bridge.")
    client_secret: str = Field("", description="Its secret.", repr=False)
    client_auth: Literal["form", "basic"] = Field(
        "form", description="Where the token address takes id and secret: form or basic."
    )
    scope: str = Field("", description="Scope to ask for; empty: none is sent.")
    sends: Literal["form", "header"] = Field(
        "form", description="Where the user address takes the token: form (access_token) or header (Bearer)."
    )
    user_path: str = Field(
        "",
        pattern=r"^([A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*)?$",
        description="Where the user's id stands in the answer, by names with dots.",
    )
    pkce: bool = Field(
        True, description="Send a code challenge (RFC 7636, S256); off where the server refuses it."
    )
    issuer: str = Field(
        "", description="What the server gives as iss in its answer (RFC 9207); empty: it gives none."
    )
    second_factor: Literal["own", "delegated"] = Field(
        "own",
        description="own: the bridge asks for its second factor as ever; delegated: the province's counts.",
    )
    private_host: str = Field("", description="Host of these addresses where it stands on a private network.")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.on:
            missing = [f"ANXUE_PROVINCE_LOGIN_{name.upper()}" for name in _NEEDED if not getattr(self, name)]
            if missing:
                raise ValueError(f"province_login_incomplete: 省统一登录缺少设置 {'、'.join(missing)}")
        return self

    @property
    def on(self) -> bool:
        """Whether this way is offered."""
        return bool(self.authorize_url)
