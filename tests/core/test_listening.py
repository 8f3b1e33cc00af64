import pytest

from prevue_core.listening import answers_to, bind, is_on_network


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", False), ("127.1.2.3", False), ("localhost", False), ("0.0.0.0", True), ("0", True)],
)
def test_what_was_bound_says_who_reaches_it_whatever_it_was_called(host, expected):
    sockets = bind(host, 0)
    try:
        assert is_on_network(sockets) is expected
    finally:
        for one in sockets:
            one.close()


def test_all_addresses_of_a_name_get_one_port():
    sockets = bind("localhost", 0)
    try:
        assert len({one.getsockname()[1] for one in sockets}) == 1
    finally:
        for one in sockets:
            one.close()


def test_a_port_that_is_taken_is_an_error():
    (first,) = bind("127.0.0.1", 0)
    with first:
        first.listen()
        with pytest.raises(OSError, match="in use"):
            bind("127.0.0.1", first.getsockname()[1])


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost:5006", True),
        ("LOCALHOST", True),
        ("127.0.0.1:80", True),
        ("[::1]:5006", True),
        ("192.0.2.7", True),
        ("prevue.example:5006", True),
        ("evil.example", False),
        ("localhost.evil.example", False),
        ("prevue.example.evil.example", False),
        ("", False),
        ("[::1", False),
    ],
)
def test_a_name_that_others_can_point_here_is_not_answered_to_unless_it_is_allowed(host, expected):
    assert answers_to(host, frozenset({"Prevue.example"})) is expected
