"""What a verified launch tells of itself, beside its claims."""

import hashlib

from lti.launch import verify_launch
from lti.oidc import start_login
from tests.lti.doors import World, going_of, tool_of


def test_a_launch_says_by_which_token_when_and_for_which_registration_it_came() -> None:
    world = World.new()
    tool = tool_of(world)
    going = going_of(start_login(tool, world.lms.login_params(), "browser").url)
    world.clock.advance(7)
    token = world.lms.token(going.nonce)
    launch = verify_launch(tool, {"state": going.state, "id_token": token}, "browser")
    assert launch.id_token_sha256 == hashlib.sha256(token.encode()).hexdigest()
    assert launch.verified_at == world.clock.now()
    assert launch.registration == world.lms.registration()
    assert (launch.message_type, launch.return_url) == (
        "LtiResourceLinkRequest",
        "https://lms.example/course/1",
    )
