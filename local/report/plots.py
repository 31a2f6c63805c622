"""Each plot is one inline SVG, drawn from data already measured. Text is drawn as paths: it looks alike everywhere."""

import io
import os
from pathlib import Path

# Matplotlib keeps a list of the machine's fonts, by default in the user's home.
os.environ.setdefault("MPLCONFIGDIR", str(Path(__file__).resolve().parents[2] / ".tools" / "matplotlib"))

import matplotlib as mpl

mpl.use("svg")

import matplotlib.dates as mdates
import numpy as np
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from local.progress import Step
from local.report.data import GIB, Arrivals, Floats, Memory, StoreMoney

BLUE, GREEN, AMBER, RED, INK, GREY = "#2563eb", "#16a34a", "#d97706", "#dc2626", "#334155", "#94a3b8"
PALETTE = (BLUE, GREEN, AMBER, "#7c3aed", "#0891b2", "#db2777", GREY, "#65a30d")
STYLE = Path(__file__).with_name("report.mplstyle")


def receipts_per_minute(arrivals: Arrivals) -> str:
    """What the tills rang up, minute by minute of their own clocks."""
    minutes, counts = np.unique((arrivals.rung_up // 60).astype(np.int64), return_counts=True)
    with style.context(STYLE):
        figure, axes = _figure(height=2.6)
        if len(minutes):
            every = np.arange(minutes[0], minutes[-1] + 1)
            series = np.zeros(len(every))
            series[minutes - minutes[0]] = counts
            times = (every * 60).astype("datetime64[s]")
            axes.fill_between(times, series, color=BLUE, alpha=0.25, linewidth=0)
            axes.plot(times, _smooth(series, 30), color=BLUE, label="average of 30 minutes")
            axes.legend(loc="upper left")
            axes.set_ylim(top=max(series) * 1.2)
            dates = mdates.AutoDateLocator(minticks=4, maxticks=9)  # type: ignore[no-untyped-call] # it has no types
            axes.xaxis.set_major_locator(dates)
            axes.xaxis.set_major_formatter(mdates.ConciseDateFormatter(dates))  # type: ignore[no-untyped-call] # as above
            axes.margins(x=0.01)
        axes.set_ylim(bottom=0)
        axes.set_ylabel("receipts a minute")
        axes.set_xlabel("time of sale, UTC")
        return _svg(figure)


def progress(arrivals: Arrivals) -> str:
    """Receipts in the outboxes and in the tables, over the seconds of the replay, and the lag between the two."""
    zero, seconds = _clock(arrivals)
    appended = np.searchsorted(np.sort(arrivals.appended - zero), seconds, side="right")
    committed = np.searchsorted(np.sort(arrivals.committed - zero), seconds, side="right")
    with style.context(STYLE):
        figure = Figure(figsize=(10, 3.9), layout="constrained")
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
        upper.plot(seconds, appended, color=AMBER, label="in a till's outbox")
        upper.plot(seconds, committed, color=GREEN, label="committed to the table")
        upper.set_ylabel("receipts")
        upper.legend(loc="upper left")
        lag = appended - committed
        lower.fill_between(seconds, lag, color=RED, alpha=0.2, linewidth=0)
        lower.plot(seconds, lag, color=RED)
        lower.set_ylabel("lag, receipts")
        lower.set_xlabel("seconds since the first receipt")
        for axes in (upper, lower):
            axes.set_ylim(bottom=0)
            axes.yaxis.set_major_formatter(_thousands())
            axes.margins(x=0.01)
        return _svg(figure)


def latency(arrivals: Arrivals) -> str:
    """p50, p95 and p99 from the append to an outbox to the commit, by the second of the append."""
    zero, _ = _clock(arrivals)
    second = np.floor(arrivals.appended - zero).astype(np.int64)
    order = np.argsort(second, kind="stable")
    values = arrivals.latency_seconds[order]
    seconds, starts = np.unique(second[order], return_index=True)
    with style.context(STYLE):
        figure, axes = _figure(height=2.9)
        if len(seconds):
            groups = np.split(values, starts[1:])
            for share, colour in ((50, GREEN), (95, AMBER), (99, RED)):
                axes.plot(seconds, [np.percentile(group, share) for group in groups], color=colour, label=f"p{share}")
            axes.legend(loc="upper left", ncols=3)
        # Room for the legend above the lines.
        axes.set_ylim(0, float(np.max(values, initial=1)) * 1.2)
        axes.margins(x=0.01)
        axes.set_ylabel("seconds")
        axes.set_xlabel("appended, seconds since the first receipt")
        return _svg(figure)


def money(stores: StoreMoney) -> str:
    """Every store's money at its tills and in the lake, and the difference, which must be nothing."""
    order = np.argsort(-stores.till, kind="stable")
    till, lake = stores.till[order] / 100, stores.lake[order] / 100
    place = np.arange(1, len(order) + 1)
    with style.context(STYLE):
        figure = Figure(figsize=(10, 3.9), layout="constrained")
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        upper.fill_between(place, till, color=AMBER, alpha=0.3, linewidth=0, step="mid", label="at the tills")
        upper.plot(place, lake, ".", color=GREEN, markersize=3.5, label="in the lake")
        upper.set_ylabel("money")
        upper.set_ylim(bottom=0)
        upper.yaxis.set_major_formatter(_thousands())
        upper.legend(loc="upper right")
        difference = lake - till
        lower.axhline(0, color=GREY, linewidth=0.8)
        lower.plot(place, difference, ".", color=RED if difference.any() else GREEN, markersize=3.5)
        lower.set_ylabel("difference")
        if not difference.any():
            lower.set_ylim(-1, 1)
            lower.set_yticks([-1, 0, 1])
        lower.set_xlabel("stores, by money")
        upper.margins(x=0.01)
        return _svg(figure)


def timeline(steps: tuple[Step, ...]) -> str:
    """Which part of the run took place when."""
    with style.context(STYLE):
        figure, axes = _figure(height=0.7 + 0.27 * max(len(steps), 1))
        for row, step in enumerate(steps):
            width = step.end - step.begin
            axes.barh(
                row, max(width, 0.15), left=step.begin, color=PALETTE[row % len(PALETTE)], alpha=0.75, height=0.66
            )
            axes.text(step.end + 0.8, row, f"{width:.1f} s", va="center", fontsize=8)
        axes.set_yticks(range(len(steps)), [step.name for step in steps])
        axes.invert_yaxis()
        axes.grid(visible=False, axis="y")
        axes.tick_params(axis="y", length=0)
        axes.set_xlim(0, max((step.end for step in steps), default=1) * 1.08)
        axes.set_xlabel("seconds since the beginning")
        return _svg(figure)


def memory(used: Memory) -> str:
    """Resident memory by part, stacked."""
    with style.context(STYLE):
        figure, axes = _figure(height=2.9)
        names = sorted(used.parts, key=lambda name: -int(used.parts[name].max(initial=0)))
        layers = [used.parts[name] / GIB for name in names]
        if layers:
            axes.stackplot(used.seconds, layers, labels=names, colors=PALETTE, alpha=0.75, linewidth=0)
            handles, labels = axes.get_legend_handles_labels()
            # Outside: the layers leave no corner free.
            axes.legend(handles[::-1], labels[::-1], loc="upper left", bbox_to_anchor=(1.0, 1.0))
        axes.margins(x=0)
        axes.set_ylabel("GiB resident")
        axes.set_xlabel("seconds since the beginning")
        return _svg(figure)


def _figure(height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(10, height), layout="constrained")
    return figure, figure.subplots()


def _clock(arrivals: Arrivals) -> tuple[float, Floats]:
    """When the first receipt was appended, and the seconds from there to the last commit."""
    if not len(arrivals.appended):
        return 0.0, np.zeros(1)
    zero = float(arrivals.appended.min())
    return zero, np.linspace(0, float(arrivals.committed.max()) - zero, 400)


def _smooth(series: Floats, width: int) -> Floats:
    weights = np.ones(width)
    return np.convolve(series, weights, "same") / np.convolve(np.ones(len(series)), weights, "same")


def _thousands() -> FuncFormatter:
    return FuncFormatter(lambda value, _: f"{value:,.0f}")


def _svg(figure: Figure) -> str:
    for axes in figure.axes:
        if not axes.get_yticklabels() or axes.yaxis.get_major_formatter().__class__ is FuncFormatter:
            axes.yaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    target = io.StringIO()
    # Without a date, equal data make an equal file.
    figure.savefig(target, format="svg", metadata={"Date": None})
    # The page needs the element, not a document of its own.
    text = target.getvalue()
    return text[text.index("<svg") :]
