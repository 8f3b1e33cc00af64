import re

import pytest

from prevue_core.db import bearers


@pytest.mark.parametrize(
    ("kind", "characters"),
    [(bearers.TOKEN, 32), (bearers.SESSION, 43), (bearers.CODE, 22), (bearers.FIRST_CODE, 22)],
)
def test_a_new_one_tells_its_kind_and_is_like_no_other(kind, characters):
    text = bearers.make(kind)
    assert re.fullmatch(rf"pv{kind}_[0-9A-Za-z]{{{characters}}}[0-9A-Za-z]{{6}}", text)
    assert bearers.kind_of(text) == kind
    assert bearers.make(kind) != text


def test_one_that_was_cut_off_mistyped_or_given_another_kind_is_none():
    text = bearers.make(bearers.TOKEN)
    other = "A" if text[10] != "A" else "B"
    mistyped = text[:10] + other + text[11:]
    for wrong in (text[:-1], text + "0", mistyped, "pvs" + text[3:], "pvx" + text[3:], "", "secret"):
        assert bearers.kind_of(wrong) is None
