"""The window takes messages of other programs."""

import sys
import time

from apps import model
from helpers import apart
from pythonosc.udp_client import SimpleUDPClient

from ncaengine.core import kernels
from ncaengine.io.osc import Listener
from ncaengine.viewer.actions import osc
from ncaengine.viewer.state.app import App
from ncaengine.viewer.state.options import Options


def send(listener: Listener, path: str, *values: float | str) -> None:
    client = SimpleUDPClient(*listener.place)
    client.send_message(path, values)
    client._sock.close()


def take(app: App, listener: Listener) -> None:
    end = time.monotonic() + 5
    while not osc.take(app, listener):
        assert time.monotonic() < end


def test_messages_are_for_the_selected_grid_and_those_linked_with_it(make):
    app = make(2)
    with Listener(app.sim, ("127.0.0.1", 0)) as listener:
        app.select(1)
        send(listener, "/set/dt", 0.5)
        take(app, listener)
        assert [grid.settings.dt for grid in app.sim.grids.values()] == [1, 0.5]
        app.linked = {1, 2}
        send(listener, "/set/dt", 0.25)
        take(app, listener)
        assert [grid.settings.dt for grid in app.sim.grids.values()] == [0.25, 0.25]
        assert not osc.take(app, listener)
        assert not osc.take(app, None)


def test_a_problem_becomes_one_notice(make):
    app = make(1)
    with Listener(app.sim, ("127.0.0.1", 0)) as listener:
        for _ in range(3):
            send(listener, "/set/dt", 9.0)
            take(app, listener)
    assert [toast.text for toast in app.toasts if "OSC" in toast.text] == [
        "OSC: Time step is 9; it must be from 0 to 2×."
    ]


def test_removed_grids_leave_the_window(make):
    app = make(1)
    with Listener(app.sim, ("127.0.0.1", 0)) as listener:
        send(listener, "/remove_grid")
        take(app, listener)
        app.sync()
        send(listener, "/undo")
        take(app, listener)
    assert app.panes == []
    assert app.toasts[-1].text == "OSC: /undo: there is no grid."


def window(_folder: str) -> None:
    """An open window takes messages in its frames, and while it waits because nothing moves."""
    from ncaengine.viewer.state.preferences import Preferences
    from ncaengine.viewer.window import Window

    options = Options((12, 10), osc=("127.0.0.1", 0))
    found, prefs = kernels.discover(), Preferences()
    with Window([model("a")], options, found, (640, 400), hidden=True, prefs=prefs) as shown:
        assert any("Listening for OSC" in toast.text for toast in shown.app.toasts)
        send(shown.osc, "/set/paused", 1)
        end = time.monotonic() + 10
        while not shown.app.grid.settings.paused:
            assert time.monotonic() < end
            shown.frame()
        send(shown.osc, "/set/dt", 0.5)
        while shown.app.grid.settings.dt != 0.5:
            assert time.monotonic() < end
            shown._sleep()


def test_an_open_window_listens(tmp_path):
    apart(__file__, "window", tmp_path)


if __name__ == "__main__":
    globals()[sys.argv[1]](sys.argv[2])
