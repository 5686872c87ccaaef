"""`./anxue acceptance mutation`: would a test notice if a defence of `lti/` were gone?

Asked twice. Once by hand: `tests/lti/defences/` names, for each security case, how its defence is taken out and
which tests must fail then. And once by machine: mutmut changes every function of `lti/` a little, one change at a time.
"""
