"""Attacks on a running bridge: what public cheating tools do (刷课, 代学, 挂机), as clients that really do it."""
