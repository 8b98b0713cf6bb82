"""The list of commands is a list, however long it is."""

import pytest

from ncaengine.simulation import log
from ncaengine.simulation.commands import JournalEntry, Paint, Step
from ncaengine.simulation.log import Log


@pytest.mark.parametrize("count", [0, 1, 9, 10, 19, 20, 21, 57])
def test_it_equals_a_list(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    monkeypatch.setattr(log, "BLOCK", 10)
    found, plain = Log(), list[JournalEntry]()
    for number in range(count):
        command = Paint(1, "noise", ((number / 3, 1e-9),), value=0.1) if number % 2 else Step(1, number)
        for each in (found, plain):
            each.append(JournalEntry(number, command, number or None))
    assert found == plain
    assert plain == found
    assert len(found) == count
    assert bool(found) == bool(plain)
    assert list(found) == plain
    assert list(reversed(found)) == plain[::-1]
    for part in (slice(None), slice(3, 15), slice(-3, None), slice(None, None, -4), slice(99, None)):
        assert found[part] == plain[part]
    for number in range(-count, count):
        assert found[number] == plain[number]
    with pytest.raises(IndexError):
        found[count]
    if plain:
        assert found != plain[1:]
        assert found != [*plain[:-1], JournalEntry(7, Step(9))]
    found.clear()
    assert not found
    assert found == []


def test_steps_that_no_journal_holds_are_taken_as_the_nearest() -> None:
    from ncaengine.backends.torch import TorchBackend
    from ncaengine.core import kernels
    from ncaengine.simulation import commands
    from ncaengine.simulation.simulation import Simulation

    sim = Simulation(TorchBackend(), kernels.discover())
    sim.add("zebra", 8)
    for at_step in (-5, 0, 10**30):
        sim.submit(Step(1), at_step=at_step)
    assert commands.decode(commands.encode(sim.journal)) == sim.journal
    assert [entry.at_step for entry in sim.journal[1:]] == [0, 0, 2**62]
