"""The national network identity (网号, 网证): a boundary, not an adapter. Refuses until somebody has the interface."""

from bridge.identity.provider_model import Answer, Claim, Outcome, ProviderFacts

MISSING = "official_interface_missing"


class NetworkIdentityBoundary:
    """Stands where an adapter for the 国家网络身份认证公共服务 would stand; it sends nothing and knows nobody.

    See `bridge.identity.ports.NetworkIdentity` for what the bridge would need of one.
    """

    facts = ProviderFacts(
        "network_identity",
        "国家网络身份认证公共服务",
        remote=True,
        missing=("国家网络身份认证公共服务的正式接口",),
    )

    def verify(self, claim: Claim) -> Answer:
        """Return that the request is refused, by us."""
        del claim
        return Answer(Outcome.REFUSED, MISSING)
