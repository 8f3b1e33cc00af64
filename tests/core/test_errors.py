import re

from prevue_core import errors


def test_the_tree_in_the_docstring_is_the_tree():
    drawn = re.findall(r"^[│ ]*[├└]── (\w+)", errors.__doc__, re.MULTILINE)
    defined = [name for name, value in vars(errors).items() if isinstance(value, type) and name != "PrevueError"]
    assert drawn == defined


def test_what_can_be_the_callers_mistake_is_a_value_error():
    assert issubclass(errors.InvalidValue, ValueError)
    assert issubclass(errors.SettingsError, ValueError)


def test_a_gap_tells_the_number_to_go_on_with():
    assert errors.SequenceGap(7).expected == 7
    assert "number 7" in str(errors.SequenceGap(7))
