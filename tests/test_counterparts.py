"""Each broken twin has its counterpart in the reference, and the list of them has not rotted."""

from mutation import counterparts


def test_every_twin_has_a_counterpart_that_stands_once_in_its_room_and_compiles():
    assert counterparts.misfits() == []


def test_a_list_that_does_not_fit_is_told_line_by_line(monkeypatch):
    room = "room.py"
    entries = {
        "nobody": {"none": "no sense"},
        "gone": {"room": room, "was": "seven", "now": ""},
        "often": {"room": room, "was": "one", "now": "two"},
        "same": {"room": room, "was": "two", "now": "two"},
        "torn": {"room": room, "was": "two", "now": "two +"},
    }
    monkeypatch.setattr(counterparts, "source_of", lambda room: "one = 1\none\ntwo = 2\n")
    monkeypatch.setattr(counterparts, "counterparts", lambda: entries)
    monkeypatch.setattr(counterparts, "twins", lambda: ["gone", "often", "same", "torn", "new"])
    assert [line.partition(" (")[0] for line in counterparts.misfits()] == [
        "new: no counterpart",
        "nobody: no such twin",
        "gone: `was` stands 0 times in room.py",
        "often: `was` stands 2 times in room.py",
        "same: `now` is no change",
        "torn: invalid syntax",
    ]
