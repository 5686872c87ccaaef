"""An LTI 1.3 tool as a library of its own. Start with `lti.tool.LtiTool`, then `lti.oidc` and `lti.launch`.

The core knows no web framework; `lti.flask` is the one adapter. See README.md in this folder.
"""
