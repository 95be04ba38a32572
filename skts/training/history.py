"""The training history as a table."""

from typing import Any

import pandas as pd
from sklearn.exceptions import NotFittedError

from skts.training.callbacks import LOSSES
from skts.training.checkpoint import epochs_of
from skts.training.net import History

#: Names of skorch that are unclear in a table.
RENAMED = {"event_lr": "lr", "dur": "duration"}
#: Columns after the losses and the scores.
LAST = ["lr", "duration", "round", "cycle"]
#: Counters that are not in the table.
LEFT_OUT = {"epoch", "train_batch_count", "valid_batch_count"}


def frame_of(history):
    """Return a table with one row per epoch of a skorch history, numbered from 1."""
    frame = pd.DataFrame(epochs_of(history))
    for old, new in RENAMED.items():
        if new in frame:  # a callback recorded this name
            new = old
        frame = frame.rename(columns={old: new})
    frame.index = pd.RangeIndex(1, len(frame) + 1, name="epoch")
    marks = {f"{name}_best" for name in frame}  # skorch marks the best value so far
    scores = [name for name in frame if name not in {*LOSSES, *LAST, *LEFT_OUT, *marks}]
    frame = frame[[name for name in [*LOSSES, *scores, *LAST] if name in frame]]
    return frame.astype({name: "Int64" for name in ("round", "cycle") if name in frame})


class HasHistory:
    """Mixin for estimators trained by gradient descent, with the training history."""

    net_: Any

    @property
    def history_(self) -> History:
        return self.net_.history

    def history_frame(self) -> pd.DataFrame:
        """Return losses, scores, learning rates and durations of each epoch.

        Returns
        -------
        DataFrame
            The index ``epoch`` counts from 1. The columns, if they were recorded:

            * ``train_loss``, ``valid_loss``: means over the epoch.
            * ``valid_acc``: accuracy of classifiers on the validation split.
            * Values that `callbacks` recorded, under their names.
            * ``lr``: learning rate of the epoch's last step.
            * ``duration``: seconds.
            * ``round``: refinement round (`fine_tune_rounds`); 0 is the training before them.
            * ``cycle``: cycle of ``lr_schedule="one_cycle"``, counted from 1.

            Missing values are NaN, such as the loss of an epoch that a callback ended.

        Raises
        ------
        NotFittedError
            Before `fit`.

        Examples
        --------
        >>> from skts import FCNClassifier
        >>> from skts.datasets import load_ucr
        >>> X, y = load_ucr("ItalyPowerDemand", split="train")
        >>> clf = FCNClassifier(max_epochs=3, random_state=0).fit(X, y)
        >>> clf.history_frame().columns.tolist()
        ['train_loss', 'lr', 'duration', 'round', 'cycle']
        """
        if "net_" not in vars(self):
            raise NotFittedError(f"this {type(self).__name__} is not fitted yet: call fit first")
        return frame_of(self.history_)
