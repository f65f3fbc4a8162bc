import gc

from PySide6.QtCore import QObject

from app.ui.garbage import GarbageCollector, collect


def test_collecting_is_left_to_the_gui_thread(qtbot):
    parent = QObject()
    try:
        GarbageCollector(parent)
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_what_is_due_is_collected():
    class Thing:
        pass

    gc.collect()
    gc.disable()
    for _ in range(2 * gc.get_threshold()[0]):
        thing = Thing()
        thing.itself = thing
    collect()
    assert gc.get_count()[0] < gc.get_threshold()[0]
    gc.enable()
