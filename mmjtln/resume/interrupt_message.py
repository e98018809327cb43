"""Telling the user of a stopped run how it goes on."""
import os
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any


class InterruptMessage:
    """Print a line when Ctrl-C or SIGTERM stops the process.

    The signal then does what it did before; a SIGTERM that would have ended
    the process at once ends it through ``SystemExit`` (status 143), so that
    what is being written is cleaned up. ``terminate``: attend to SIGTERM, too.
    """

    #: The one at work: a run that failed leaves its own to the next run.
    _current: 'InterruptMessage | None' = None

    def __init__(self, text: Callable[[], str], terminate: bool) -> None:
        self.text = text
        self.process = os.getpid()
        self.signals = (signal.SIGINT, signal.SIGTERM)[:1 + terminate]
        self.previous: dict[int, Any] = {}

    def begin(self) -> None:
        """Attend to the signals; only a main thread can."""
        if threading.current_thread() is not threading.main_thread():
            return
        if InterruptMessage._current is not None:
            InterruptMessage._current.end()
        InterruptMessage._current = self
        for number in self.signals:
            # A signal that is ignored, as under nohup, stays so.
            if signal.getsignal(number) not in (signal.SIG_IGN, None):
                self.previous[number] = signal.signal(number, self._stop)

    def end(self) -> None:
        """Leave the signals as they were."""
        for number, previous in self.previous.items():
            signal.signal(number, previous)
        self.previous = {}
        InterruptMessage._current = None

    def _stop(self, number: int, frame: FrameType | None) -> None:
        previous = self.previous.get(number, signal.SIG_DFL)
        self.end()
        # Worker processes inherit the handler.
        ours = os.getpid() == self.process
        if ours:
            print(f'\nStopped by {signal.Signals(number).name}. '
                  f'{self.text()}', flush=True)
        if callable(previous):
            previous(number, frame)
        elif ours:
            raise SystemExit(128 + number)
        else:
            os.kill(os.getpid(), number)
