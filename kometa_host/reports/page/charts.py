"""Charts over time, as SVG that stands in the page: pygal lays it out, the page's style colours it.

Of what pygal draws its own style, script and tooltips are left out: the page has a style for light and dark, and no
script. What is said of a bar is its title, which browsers show on hover.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from xml.etree.ElementTree import Element, tostring

import pygal
from markupsafe import Markup

from kometa_host.reports.page.text import shown

WIDTH, HEIGHT = 920, 190
SHORTEST = timedelta(days=14)  # that a chart shows
MAX_MONTHS = 14  # that are all named below it
WIDEST = 0.8  # days of a bar
DAY = 86_400
UNWANTED = {"titles", "overlay", "text-overlay", "tooltip-overlay", "background", "end"}  # classes
KEPT = ("class", "d", "x", "y", "width", "height", "transform", "viewBox")


@dataclass(frozen=True)
class Bar:
    """One bar: when, how high, its style's name, what is said of it; height None: as high as the chart."""

    time: datetime
    height: float | None
    kind: str
    title: str


def bars_chart(bars: Sequence[Bar], unit: str, now: datetime, zone: tzinfo, label: str) -> Markup:
    """Return bars over the time up to now, as the text of an SVG element; label is said in its place."""
    begin = min([now - SHORTEST, *(bar.time for bar in bars)])
    chart = _chart(unit)
    chart.x_labels = list(_time_labels(begin, now, zone))
    width = _width(begin, now, len(bars))
    highest = max([bar.height for bar in bars if bar.height], default=1.0)
    # two bars that nobody sees: pygal's axis reaches from the first bar to the last
    ends = [_drawn(Bar(time, 0.0, "end", ""), 0.0, width) for time in (begin, now)]
    chart.add("", [*ends, *(_drawn(bar, highest, width) for bar in bars)])
    return Markup(_svg(chart.render_tree(), label))  # noqa: S704  (of our own making; text in it is escaped by ElementTree)


def _chart(unit: str) -> pygal.Histogram:
    return pygal.Histogram(
        width=WIDTH, height=HEIGHT, margin=8, js=(), show_legend=False, show_x_guides=False, min_scale=2, max_scale=4,
        order_min=0, value_formatter=lambda value: f"{value:g} {unit}", no_prefix=True,
    )  # fmt: skip


def _width(begin: datetime, now: datetime, count: int) -> float:
    days = (now - begin).total_seconds() / DAY
    return min(WIDEST, 0.8 * days / max(count, 1))


def _drawn(bar: Bar, highest: float, width: float) -> dict[str, object]:
    middle = bar.time.timestamp() / DAY
    height = highest if bar.height is None else bar.height
    return {
        "value": (height, middle - width / 2, middle + width / 2),
        "node": {"class": f"bar {bar.kind}"},
        "tooltip": shown(bar.title),
    }


def _time_labels(begin: datetime, now: datetime, zone: tzinfo) -> Iterable[dict[str, object]]:
    """Yield a label for each month, or for some days where the time is short."""
    first, last = begin.astimezone(zone), now.astimezone(zone)
    if last - first < timedelta(days=70):
        step = timedelta(days=2 if last - first < timedelta(days=16) else 7)
        moments = [last - number * step for number in range((last - first) // step + 1)]
        yield from (_label(moment, f"{moment:%b} {moment.day}") for moment in reversed(moments))
        return
    months = list(_months(first, last))
    for moment in months[:: len(months) // MAX_MONTHS + 1]:
        yield _label(moment, f"{moment:%b %Y}" if moment.month == 1 or moment is months[0] else f"{moment:%b}")


def _months(first: datetime, last: datetime) -> Iterable[datetime]:
    moment = first.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    while moment <= last:
        if moment >= first:
            yield moment
        moment = (moment + timedelta(days=32)).replace(day=1)


def _label(moment: datetime, text: str) -> dict[str, object]:
    return {"value": moment.timestamp() / DAY, "label": text}


def _svg(root: Element, label: str) -> str:
    root.attrib = {"viewBox": root.get("viewBox", ""), "class": "chart", "role": "img", "aria-label": shown(label)}
    _cleaned(root)
    return tostring(root, encoding="unicode")


def _cleaned(element: Element) -> None:
    for child in list(element):
        if _is_unwanted(child, element):
            element.remove(child)
        else:
            child.attrib = {name: _short(child.attrib[name]) for name in KEPT if name in child.attrib}
            _cleaned(child)


def _is_unwanted(child: Element, parent: Element) -> bool:
    says_something = child.text and parent.get("class") == "histbar"
    return (
        child.tag in ("defs", "desc")
        or (child.tag == "title" and not says_something)
        or not UNWANTED.isdisjoint(child.get("class", "").split())
    )


def _short(text: str) -> str:
    """Return an attribute with its numbers rounded to a tenth of a pixel."""
    return " ".join(f"{float(word):.1f}".removesuffix(".0") if _is_long(word) else word for word in text.split(" "))


def _is_long(word: str) -> bool:
    return "." in word and word.replace(".", "").lstrip("-").isdigit()
