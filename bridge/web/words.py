"""The translations of a page, looked up once for a request: Flask-Babel does so for each word of it.

A learner's file has two thousand of them, a sixth of what its page took (measured).
"""

from typing import Any

from flask import Flask, g
from flask_babel import get_translations

_KEPT = "anxue_translations"


def look_up_words_once(app: Flask) -> None:
    """Have the templates of `app` ask for their translations once a request."""

    def words() -> Any:
        found = g.get(_KEPT)
        if found is None:
            found = get_translations()
            setattr(g, _KEPT, found)
        return found

    app.jinja_env.install_gettext_callables(  # type: ignore[attr-defined]  # of Jinja's i18n extension, which Babel adds
        gettext=lambda word: words().ugettext(word),
        ngettext=lambda one, many, number: words().ungettext(one, many, number),
        newstyle=True,
        pgettext=lambda where, word: words().upgettext(where, word),
        npgettext=lambda where, one, many, number: words().unpgettext(where, one, many, number),
    )
