"""A figure: contestants that are measured in turn, and their medians."""

import statistics
import sys
import traceback


class Figure:
    """One question that is put to several contestants.

    name           for the command line and the JSON
    title          what is measured, in words
    contestants    {label: function without arguments that returns
                   {metric: number or None}}
    units          {metric: unit}, of those whose name does not end in _ms
    reference      the contestant that ratios are taken against, or None
    targets        [(label, metric, "<=" or ">=", value, of)]: 'of' is None
                   for an absolute value, or a contestant for a ratio; of
                   medians, or of the largest for "max METRIC"
    layout         function of the figure that returns its table, or None for
                   one row a metric
    """

    def __init__(
        self,
        name,
        title,
        contestants,
        units,
        reference=None,
        targets=(),
        layout=None,
    ):
        self.name = name
        self.title = title
        self.contestants = contestants
        self.units = units
        self.reference = reference
        self.targets = list(targets)
        self.layout = layout
        self.samples = {label: {} for label in contestants}
        self.errors = {}

    def measure(self, repetitions, say):
        """Runs every contestant 'repetitions' times, interleaved so that a
        slow spell of the machine hits all of them."""
        for repetition in range(repetitions):
            for label, function in self.contestants.items():
                say(f"{self.name}: {label} ({repetition + 1}/{repetitions})")
                self._run(label, function)

    def _run(self, label, function):
        try:
            values = function()
        except Exception as error:  # pylint: disable=broad-except
            traceback.print_exc(file=sys.stderr)
            text = f"{type(error).__name__}: {error}".splitlines()[0]
            self.errors.setdefault(label, []).append(text)
            return
        for metric, value in values.items():
            self.samples[label].setdefault(metric, []).append(value)

    def unit(self, metric):
        return self.units.get(metric, "ms" if metric.endswith("_ms") else "")

    def median(self, label, metric):
        """None where nothing was measured, or not always."""
        values = self.samples.get(label, {}).get(metric, [])
        if not values or None in values:
            return None
        return statistics.median(values)

    def _statistic(self, label, metric):
        """The median of 'metric', or of "max METRIC" the largest."""
        word, _, rest = metric.rpartition(" ")
        if word != "max":
            return self.median(label, metric)
        values = self.samples.get(label, {}).get(rest, [])
        return max(values) if values and None not in values else None

    def ratio(self, label, metric, of):
        """median of 'label' over that of 'of', or None."""
        mine, other = self.median(label, metric), self.median(of, metric)
        return mine / other if mine is not None and other else None

    def verdicts(self):
        """[(target, value, met)]; value None: not measured."""
        result = []
        for target in self.targets:
            label, metric, relation, bound, of = target
            value = (
                self.ratio(label, metric, of)
                if of
                else self._statistic(label, metric)
            )
            met = value is not None and (
                value <= bound if relation == "<=" else value >= bound
            )
            result.append((target, value, met))
        return result

    def to_json(self):
        return {
            "name": self.name,
            "title": self.title,
            "units": self.units,
            "reference": self.reference,
            "contestants": {
                label: {
                    metric: {
                        "median": self.median(label, metric),
                        "ratio": self.reference
                        and self.ratio(label, metric, self.reference),
                        "samples": values,
                    }
                    for metric, values in metrics.items()
                }
                for label, metrics in self.samples.items()
            },
            "targets": [
                {
                    "contestant": label,
                    "metric": metric,
                    "relation": relation,
                    "bound": bound,
                    "of": of,
                    "value": value,
                    "met": met,
                }
                for (label, metric, relation, bound, of), value, met in (
                    self.verdicts()
                )
            ],
            "errors": self.errors,
        }
