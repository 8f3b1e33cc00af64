"""What is kept of work that takes long."""

from prevue_core.db.queries.once import Kept


def test_what_was_asked_for_last_is_kept_as_long_as_there_is_room():
    worked = []

    def ask(name, size):
        return kept.get(name, lambda: worked.append(name) or name * size)

    kept = Kept(10, len)
    assert [ask("a", 4), ask("b", 4), ask("a", 4), ask("c", 4)] == ["aaaa", "bbbb", "aaaa", "cccc"]
    assert worked == ["a", "b", "c"]
    ask("a", 4)  # b went, which was asked for before it
    ask("b", 4)
    assert worked == ["a", "b", "c", "b"]
    ask("d", 50)  # more than there is room for: kept alone
    ask("d", 50)
    ask("b", 4)
    assert worked == ["a", "b", "c", "b", "d", "b"]
