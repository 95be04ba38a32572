"""Interrupts and errors during fit: Ctrl-C is never lost, and errors leave estimators unchanged."""

import contextlib
import contextvars
import signal
import threading


class Interrupts:
    """Records interrupts by the user (SIGINT) in the block, so that none of them is lost.

    The previous handler is called as usual, and its exception is recorded. If other code swallows
    the exception, such as an ``except`` in a callback or a ``__del__``, `check` raises it again, at
    the latest at the end of the block. This distinguishes an interrupt by the user from the
    KeyboardInterrupt of a skorch callback, which only ends training. Only the main thread receives
    signals.
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
            # now, because after an interrupt __enter__ or __exit__ may not complete
            self._restore_handler()
            raise

    def check(self):
        """Raise the recorded exception, if there is one."""
        if self.noted is not None:
            raise self.noted

    def __exit__(self, kind, error, traceback):
        self._restore_handler()
        if error is None or (isinstance(error, Exception) and error is not self.noted):
            self.check()

    def _restore_handler(self):
        if signal.getsignal(signal.SIGINT) is self:  # otherwise a callback has set its own handler
            signal.signal(signal.SIGINT, self.previous)


#: Actions to call after the running fit has succeeded; None if no fit is running.
_LAST = contextvars.ContextVar("_LAST", default=None)


def call_after_fit(action):
    """Call `action` once the outermost block of `unchanged_on_error` has succeeded."""
    if (last := _LAST.get()) is None:
        action()
    else:
        last.append(action)


@contextlib.contextmanager
def unchanged_on_error(estimator):
    """Restore the estimator's attributes if the block fails or is interrupted."""
    before, outer, last = dict(vars(estimator)), _LAST.get(), []
    token = _LAST.set(last if outer is None else outer)
    try:
        try:
            with Interrupts():
                yield
        finally:
            _LAST.reset(token)
    except BaseException:
        estimator.__dict__ = before  # a single step, which an interrupt cannot split
        raise
    for action in last:
        action()
