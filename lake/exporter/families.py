"""A family of metrics: what it is called, what it says, and by which labels it is told apart."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily

Samples = Iterable[tuple[Sequence[str], float]]


@dataclass(frozen=True)
class Family:
    """A gauge. `told` is its help text."""

    name: str
    told: str
    labels: tuple[str, ...] = ()

    def of(self, samples: Samples = ()) -> Metric:
        """The family with these values, each with the values of the labels."""
        family = GaugeMetricFamily(self.name, self.told, labels=self.labels)
        for labels, value in samples:
            family.add_metric(list(labels), value)
        return family


class Part(Protocol):
    """One thing that the exporter looks at, so often. What was seen last is what `metrics` gives."""

    name: ClassVar[str]
    every_seconds: ClassVar[float]
    families: ClassVar[tuple[Family, ...]]

    def look(self) -> None:
        """Raise TillstreamError, or what boto3 and delta-rs raise, where it cannot be seen; what was seen stays."""

    def metrics(self) -> Iterator[Metric]: ...
