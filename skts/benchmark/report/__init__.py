"""What the rows of a study say: one page, the same as Markdown, its tables and its figures."""

from skts.extras import needs

with needs("bench", "a report"):
    from skts.benchmark.report.write import write_report

__all__ = ["write_report"]
