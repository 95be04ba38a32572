"""What ends a fit early: Ctrl-C, which is never lost, and errors, which leave no half of it."""

import contextlib
import contextvars
import signal
import threading


class Interrupts:
    """Notes interrupts by the user (SIGINT) that come in the block; none of them is lost.

    The handler that was there is called as ever, and what it raises is noted. If something swallows
    that, such as an ``except`` in a callback or a ``__del__``, `check` raises it again, at the
    latest the end of the block. So the user's KeyboardInterrupt is told from that of a callback,
    which ends a training in skorch. Only the main thread gets signals.
    """

    def __init__(self):
        self.noted = self.previous = None

    def __enter__(self):
        handler = signal.getsignal(signal.SIGINT)
        if callable(handler) and threading.current_thread() is threading.main_thread():
            self.previous = handler
            signal.signal(signal.SIGINT, self)
        return self

    def __call__(self, signum, frame):
        try:
            self.previous(signum, frame)
        except BaseException as error:
            self.noted = error
            # here: the interrupt may keep the block from being entered or left
            self._restore_handler()
            raise

    def check(self):
        """Raise what was noted."""
        if self.noted is not None:
            raise self.noted

    def __exit__(self, kind, error, traceback):
        self._restore_handler()
        if error is None or (isinstance(error, Exception) and error is not self.noted):
            self.check()

    def _restore_handler(self):
        if signal.getsignal(signal.SIGINT) is self:  # else a callback has put its own there
            signal.signal(signal.SIGINT, self.previous)


#: What is done once the fit that runs cannot fail any more; None where none runs.
_LAST = contextvars.ContextVar("_LAST", default=None)


def call_after_fit(action):
    """Let `action` be called when the outermost block of `unchanged_on_error` has succeeded."""
    if (last := _LAST.get()) is None:
        action()
    else:
        last.append(action)


@contextlib.contextmanager
def unchanged_on_error(estimator):
    """Undo whatever the block set on the estimator if it fails, even by an interrupt."""
    before, outer, last = dict(vars(estimator)), _LAST.get(), []
    token = _LAST.set(last if outer is None else outer)
    try:
        try:
            with Interrupts():
                yield
        finally:
            _LAST.reset(token)
    except BaseException:
        estimator.__dict__ = before  # one step, which no interrupt can break
        raise
    for action in last:
        action()
