"""Makes the providers that settings choose."""

from bridge.identity.ports import RealNameProvider
from bridge.identity.provider_settings import Provider, RealNameSettings
from bridge.kernel.time import Clock
from plugins.identity.aliyun import AliyunProvider
from plugins.identity.asking import Line
from plugins.identity.baidu import BaiduProvider
from plugins.identity.network_identity import NetworkIdentityBoundary
from plugins.identity.signed_http import SignedHttpProvider
from plugins.identity.tencent import TencentProvider


def make_provider(name: Provider, settings: RealNameSettings, clock: Clock) -> RealNameProvider:
    """Return a provider that is asked over a network; ValueError for the roster, which is not."""
    match name:
        case "http":
            private = frozenset({settings.http_private_host.lower()} - {""})
            return SignedHttpProvider(
                settings.http_url,
                settings.http_key_id,
                settings.http_secret,
                line=Line.out(private),
                clock=clock,
            )
        case "aliyun":
            return AliyunProvider(
                settings.aliyun_key_id, settings.aliyun_key_secret, line=Line.out(), clock=clock
            )
        case "tencent":
            return TencentProvider(
                settings.tencent_secret_id,
                settings.tencent_secret_key,
                threshold=settings.tencent_threshold,
                line=Line.out(),
                clock=clock,
            )
        case "baidu":
            return BaiduProvider(
                settings.baidu_api_key,
                settings.baidu_secret_key,
                threshold=settings.baidu_threshold,
                line=Line.out(),
                clock=clock,
            )
        case "network_identity":
            return NetworkIdentityBoundary()
        case _:
            raise ValueError(name)
