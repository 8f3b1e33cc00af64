"""A viewer's session, over a document whose connection takes nothing."""

import asyncio

from bokeh.document import Document

from frontend.test_hub import TRAIN_LOSS, FakeSource
from frontend_bokeh.hub import Hub, News
from frontend_bokeh.session import FAR_BEHIND, MAX_ASKED, MAX_WAITING, Session


def test_a_page_that_takes_nothing_any_more_is_closed_and_holds_no_more_memory():
    async def play() -> None:
        source, document, codes = FakeSource(), Document(), []
        source.log("a", TRAIN_LOSS, 0.5)
        hub = Hub({"owner": "ann", "name": "p"})
        session = Session(document, hub, source, codes.append)
        for step in range(MAX_WAITING):
            session.tell_tick(News(live=[[0, step]]))
        assert codes == []
        session.tell_tick(News(live=[[0, MAX_WAITING]]))
        session.tell_events([])
        assert set(codes) == {FAR_BEHIND}
        assert len(document.session_callbacks) == MAX_WAITING
        for waiting in document.session_callbacks:  # it goes on
            waiting.callback()
        session.tell_tick(News(live=[[0, 0]]))
        assert len(document.session_callbacks) == 1
        hub.leave(session)
        await hub._task
        hub._threads.shutdown()

    asyncio.run(play())


def test_a_page_that_asks_without_end_is_closed():
    async def play() -> None:
        source, document, codes = FakeSource(), Document(), []
        hub = Hub({"owner": "ann", "name": "p"})
        session = Session(document, hub, source, codes.append)
        (ui,) = document.roots
        for seq in range(MAX_ASKED):
            ui.req = {"seq": seq, "kind": "want", "keys": [0], "runs": [0], "px": 400}
        assert codes == []
        ui.req = {"seq": MAX_ASKED, "kind": "want", "keys": [0], "runs": [0], "px": 400}
        assert codes == [FAR_BEHIND]
        await asyncio.gather(*session._tasks)
        hub.leave(session)
        await hub._task
        hub._threads.shutdown()

    asyncio.run(play())
