"""Summary of the network of a fitted forecaster."""

from typing import TYPE_CHECKING, Any

from skts.forecasting.layout import windows
from skts.summary import Summary, summary_of


class Summarised:
    """Mixin that adds a summary to forecasters."""

    if TYPE_CHECKING:  # attributes of forecasters
        net_: Any
        window_length: int | None
        _series: dict[Any, Any]
        check_is_fitted: Any

    def summary(self) -> Summary:
        """Summarise the fitted network: layers, shapes, parameters, multiply-adds and memory.

        As `summary` of classifiers and regressors. The number of time points is that of the longest
        history, or of its longest window. The channels are the inputs of the network at each time
        point.

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
