"""What the network of a fitted forecaster is made of, and what it costs."""

from typing import TYPE_CHECKING, Any

from skts.forecasting.layout import windows
from skts.summary import Summary, summary_of


class Summarised:
    """Mixin of forecasters with a summary."""

    if TYPE_CHECKING:  # which they have besides
        net_: Any
        window_length: int | None
        _series: dict[Any, Any]
        check_is_fitted: Any

    def summary(self) -> Summary:
        """Layers of the fitted network, their parameters and arithmetic, and what memory it takes.

        As `summary` of classifiers and regressors. The length is that of the longest history, or of
        its longest window. The channels are the network's inputs at each time point.

        Returns
        -------
        skts.summary.Summary
            Prints as a table.

        Raises
        ------
        NotFittedError
            Before `fit`.
        """
        self.check_is_fitted()
        ends = [series.learnt_parts()[-1][1] for series in self._series.values()]
        widths = [b - a for end in ends for a, _, b in windows(end, self.window_length)]
        n_inputs = self.net_.module_.weight.shape[1]
        name = type(self).__name__
        return summary_of(self.net_, name, n_inputs, max(widths), unequal_length=False)
