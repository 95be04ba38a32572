"""Studies: many estimators on many data sets, interruptible and resumable."""

from skts import lazy
from skts.benchmark.plan import Run, plan_runs
from skts.benchmark.store import Store
from skts.benchmark.study import run_study

__all__ = ["Run", "Store", "plan_runs", "run_study"]
__getattr__, __dir__ = lazy.submodules_of(__name__)
