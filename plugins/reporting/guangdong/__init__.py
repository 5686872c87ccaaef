"""The feed to the Guangdong provincial supervision system.

The province's own interface is not published. This schema is the bridge's proposal (basis: practice); what
the province asks for becomes the next version beside it.
"""
