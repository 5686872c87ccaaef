"""Anxue Bridge (安学桥): what the law asks of online safety training, beside an LMS that already runs.

Read `flow.py` first: one table, event → service, in the order of the law.
"""
