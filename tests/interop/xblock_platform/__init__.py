"""A TEST PLATFORM: lti-consumer-xblock, the LTI consumer of Open edX, standing alone on loopback.

Messages, signatures, tokens and services are the package's own. What it asks of Open edX around it (users, blocks,
grades, members) is answered by the small stand-ins here. Runs in the environment that
`bridge.setup.peer_environment` makes and imports nothing of the product: `python -m tests.interop.xblock_platform`.
"""
