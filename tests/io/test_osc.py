"""Messages of other programs, sent over the loopback."""

import socket
import struct
import threading
import time

import numpy as np
import pytest
from cli_calls import problem
from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder
from pythonosc.osc_message_builder import OscMessageBuilder
from pythonosc.udp_client import SimpleUDPClient
from simulations import simulation

from ncaengine.backends.torch import TorchBackend
from ncaengine.core.errors import NCAError
from ncaengine.io.osc import Listener, parse_place
from ncaengine.simulation.world import MOST_GRIDS

BUNDLE = b"#bundle\0" + bytes(8)


def nested(levels):
    """A bundle in a bundle, and so on."""
    packet = b"/step\0\0\0"
    for _ in range(levels):
        packet = BUNDLE + struct.pack(">i", len(packet)) + packet
    return packet


@pytest.fixture
def sim(catalogue):
    with simulation(catalogue, TorchBackend()) as sim:
        for model in ("a", "b"):
            sim.add(sim.models[model], 8)
        yield sim


@pytest.fixture
def listener(sim):
    with Listener(sim, ("127.0.0.1", 0)) as listener:
        yield listener


def send(listener, *messages):
    client = SimpleUDPClient(*listener.place)
    for path, *values in messages:
        client.send_message(path, values)
    client._sock.close()


def told(listener, *messages):
    """Send messages, and return what polling tells about them."""
    before = listener.received
    send(listener, *messages)
    said, end = [], time.monotonic() + 5
    while listener.received < before + len(messages) and time.monotonic() < end:
        said += listener.poll()
    return said


def test_messages_change_grids_and_are_journalled(sim, listener):
    said = told(
        listener,
        ("/set/fire_rate", 0.25),
        ("/grid/2/set/paused", 1),
        ("/grid/*/resize", 12, 10.0),
        ("/paint/rate", 3, 4, 2.5, 1, 0, 0.5),
        ("/step", 3),
    )
    assert said == []
    first, second = sim.grids.values()
    assert (first.settings.fire_rate, second.settings.fire_rate) == (0.25, sim.models["b"].config.fire_rate)
    assert second.settings.paused
    assert (first.size, second.size) == ((12, 10), (12, 10))
    assert first.field("rate")[4, 3] == 0.5
    assert (first.step, second.step) == (3, 0)
    kinds = [type(entry.command).__name__ for entry in sim.journal][2:]
    assert kinds == ["Set", "Set", "Resize", "Resize", "Paint", "Step"]


def test_a_replayed_journal_gives_what_the_messages_gave(sim, listener, catalogue):
    told(listener, ("/fill/rate", "halves", 0.25, 1), ("/paint/noise", 4, 4, 3), ("/grid/*/step", 5), ("/undo",))
    with simulation(catalogue, TorchBackend()) as again:
        again.replay(list(sim.journal))
        for number, grid in sim.grids.items():
            np.testing.assert_array_equal(again.grid(number).state(), grid.state())


def test_each_problem_is_told_once_and_others_are_carried_out(sim, listener):
    wrong = [("/set/fire_rat", 0.5), ("/set/fire_rate", 7.0), ("/grid/9/undo",), ("/set/fire_rate",)]
    said = told(listener, *wrong, ("/set/dt", 0.5), *wrong)
    assert [sentence.count(".") >= 1 and sentence.startswith("OSC: ") for sentence in said] == [True] * 4
    assert "from 0 to 1" in said[1]
    assert "There is no grid 9" in said[2]
    assert sim.grid(1).settings.dt == 0.5
    assert told(listener, *wrong) == []


def test_what_is_no_message_is_told_and_forgotten(sim, listener):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for junk in (b"", b"hello", b"/set/dt", b"#bundle\0" + b"\xff" * 40, bytes(2000), b"/step\0\0\0,i\0\0\0"):
            sender.sendto(junk, listener.place)
        end = time.monotonic() + 5
        said = []
        while listener.received < 6 and time.monotonic() < end:
            said += listener.poll()
    assert any("not a valid OSC message" in sentence for sentence in said)
    assert all(sentence.startswith("OSC: ") for sentence in said)
    assert told(listener, ("/step",)) == []


@pytest.mark.parametrize("junk", [
    BUNDLE + struct.pack(">i", -4), BUNDLE + struct.pack(">i", 0), BUNDLE + struct.pack(">i", 400) + b"/a\0\0",
    BUNDLE + b"\0", b"/set/dt\0,q\0\0", b"/set/dt\0," + b"[" * 2000 + b"]" * 2000 + bytes(3),
    nested(3000),
])  # fmt: skip
def test_sizes_and_types_that_are_wrong_are_told_at_once(sim, listener, junk, caplog):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(junk, listener.place)
    end, said = time.monotonic() + 5, []
    while not listener.received and time.monotonic() < end:
        said += listener.poll()
    assert said == ["OSC: a packet is not a valid OSC message."]
    assert not caplog.records
    assert told(listener, ("/set/dt", 0.5)) == []
    assert sim.grid(1).settings.dt == 0.5


def test_bundles_are_taken_apart(sim, listener):
    bundle = OscBundleBuilder(IMMEDIATELY)
    for path, value in (("/set/dt", 0.5), ("/set/scale", 2.0)):
        message = OscMessageBuilder(path)
        message.add_arg(value)
        bundle.add_content(message.build())
    client = SimpleUDPClient(*listener.place)
    client.send(bundle.build())
    client._sock.close()
    end = time.monotonic() + 5
    while not listener.received and time.monotonic() < end:
        assert listener.poll() == []
    assert (sim.grid(1).settings.dt, sim.grid(1).settings.scale) == (0.5, 2.0)


def test_the_caller_says_which_grids_are_meant(sim, listener):
    send(listener, ("/set/dt", 0.25))
    end = time.monotonic() + 5
    while not listener.received and time.monotonic() < end:
        assert listener.poll([2, 77]) == []
    assert [grid.settings.dt for grid in sim.grids.values()] == [1.0, 0.25]


def test_shipped_models_are_taken_by_name_but_no_files(sim, listener, tmp_path):
    [said] = told(listener, ("/add_grid", "zebra", 8, 8), ("/add_grid", str(tmp_path / "x.pt"), 8, 8))
    assert "x.pt" in said
    assert sim.grid(3).model.config.name == "zebra"


def test_messages_add_no_grids_beyond_a_limit(sim, listener):
    [said] = told(listener, *[("/duplicate",)] * 20)
    assert "There is room for 16 grids" in said
    assert len(sim.grids) == MOST_GRIDS


def test_it_listens_to_this_machine_unless_an_address_is_given(sim, listener):
    assert parse_place("") == ("127.0.0.1", 9000)
    assert parse_place("8000") == ("127.0.0.1", 8000)
    assert parse_place("0.0.0.0:8000") == ("0.0.0.0", 8000)
    assert parse_place("[::1]:8000") == ("::1", 8000)
    assert listener.place[0] == "127.0.0.1"
    assert "from programs on this machine" in listener.greeting
    with Listener(sim, ("0.0.0.0", 0)) as wide:
        assert "whoever can reach" in wide.greeting


@pytest.mark.parametrize("text", ["zebra", "0", "65536", "-1", "9000 zebra", "1:2:x", "9" * 300])
def test_other_places_are_refused(text):
    with pytest.raises(NCAError, match="not an address to listen on"):
        parse_place(text)


def test_a_port_that_is_taken_is_told(sim, listener):
    with pytest.raises(NCAError, match=r"can't listen on 127\.0\.0\.1:\d+ .*choose another address or port"):
        Listener(sim, listener.place)


def test_a_name_that_no_machine_can_have_is_told(sim):
    with pytest.raises(NCAError, match=r"can't listen on a+:9000 .*choose another address or port"):
        Listener(sim, ("a" * 300, 9000))


def test_record_listens_between_its_frames(capsys, tmp_path):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    over = threading.Event()

    def play() -> None:
        client = SimpleUDPClient("127.0.0.1", port)
        while not over.is_set():
            for path, value in (("/nowhere", 1), ("/resize", (20, 12))):
                client.send_message(path, value)
            time.sleep(0.01)
        client._sock.close()

    player = threading.Thread(target=play)
    player.start()
    try:
        flags = ("--size", 16, "--steps", 4000, "--backend", "cpu", "--osc", port)
        assert main_with_errors(capsys, "record", "zebra", "-o", tmp_path / "a.png", *flags)
    finally:
        over.set()
        player.join()


def main_with_errors(capsys, *arguments):
    from ncaengine.cli import main

    assert main([str(a) for a in arguments]) == 0
    said = capsys.readouterr().err
    assert said.count("There is no address '/nowhere'") == 1
    return "Listening for OSC on port" in said


def test_view_refuses_what_is_no_port(capsys):
    assert "not an address to listen on" in problem(capsys, "view", "zebra", "--osc", "loud")
    assert "--osc does not work with --browser" in problem(capsys, "view", "zebra", "--browser", "--osc")
