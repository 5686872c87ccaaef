"""What the tool signs: client assertions, deep linking responses, started assessments. Each must be genuine.

Source: 1EdTech Security Framework 1.0 §4.1.1, §5.2 (tool-originating messages).
"""

from typing import Any

import requests
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, RSAKey

from plugins.simulators.demo_lms.desk import desk
from plugins.simulators.demo_lms.names import DEPLOYMENT_ID, MESSAGE_TYPE, VERSION

_LEEWAY_SECONDS = 60
_LONGEST_SECONDS = 600


class NotGenuine(Exception):
    """A document of the tool is not believed.

    Args:
        what: names what is wrong with it.
        unreachable: the tool's keys could not be read, so nothing is known.
    """

    def __init__(self, what: str, *, unreachable: bool = False) -> None:
        super().__init__(what)
        self.what, self.unreachable = what, unreachable


def tool_claims(document: str) -> dict[str, Any]:
    """Return the claims of a document that one of the tool's published keys has signed with RS256.

    Raises:
        NotGenuine
    """
    try:
        header = jws.extract_compact(document.encode()).headers()
    except (JoseError, ValueError) as error:
        raise NotGenuine("the assertion is no JWT") from error
    if header.get("alg") != "RS256" or not isinstance(header.get("kid"), str):
        raise NotGenuine("alg and kid")
    try:
        return jwt.decode(document, _tool_key(header["kid"]), algorithms=["RS256"]).claims
    except (JoseError, ValueError) as error:
        raise NotGenuine("signature") from error


def _tool_key(kid: str) -> RSAKey:
    """Return the tool's key `kid`, read anew each time: the tool may have rotated it."""
    try:
        reply = requests.get(desk().lms.tool.jwks_url, timeout=5, allow_redirects=False)
        keys = KeySet.import_key_set(reply.json())
    except (requests.RequestException, JoseError, ValueError, KeyError, TypeError) as error:
        raise NotGenuine("the tool's keys", unreachable=True) from error
    for key in keys.keys:
        if key.kid == kid and isinstance(key, RSAKey):
            return key
    raise NotGenuine("kid")


def tool_message(document: str, message_type: str) -> dict[str, Any]:
    """Return the claims of a message that the tool sends through the browser; it is used up by this.

    Raises:
        NotGenuine: it is not the tool's, not for this platform, too old, of another type, or came before.
    """
    claims, here = tool_claims(document), desk()
    now, audience = here.epoch(), claims.get("aud")
    expiry, issued = claims.get("exp"), claims.get("iat")
    if claims.get("iss") != here.lms.tool.client_id:
        raise NotGenuine("iss")
    if audience not in (here.lms.issuer, [here.lms.issuer]) or claims.get("azp") not in (
        None,
        here.lms.issuer,
    ):
        raise NotGenuine("aud")
    if type(expiry) is not int or type(issued) is not int:
        raise NotGenuine("exp and iat")
    if not now - _LEEWAY_SECONDS < expiry or not now - _LONGEST_SECONDS <= issued <= now + _LEEWAY_SECONDS:
        raise NotGenuine("exp or iat")
    if expiry - issued > _LONGEST_SECONDS:
        raise NotGenuine("a message is good for ten minutes at most")
    if claims.get(MESSAGE_TYPE) != message_type:
        raise NotGenuine("message_type")
    if claims.get(VERSION) != "1.3.0" or claims.get(DEPLOYMENT_ID) != here.lms.platform.deployment_id:
        raise NotGenuine("version or deployment_id")
    nonce = claims.get("nonce")
    if not isinstance(nonce, str) or not 8 <= len(nonce) <= 255:
        raise NotGenuine("nonce")
    if not here.store.use_assertion(f"message:{nonce}", expiry + _LEEWAY_SECONDS):
        raise NotGenuine("it came before")
    return claims
