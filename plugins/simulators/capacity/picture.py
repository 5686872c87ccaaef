"""The day as a picture: learners at once, and how busy each tier is, hour by hour. Plain SVG, no script."""

from html import escape

from plugins.simulators.capacity.simulation import Day

_WIDE, _HIGH, _LEFT, _TOP, _FOOT = 960, 420, 70, 60, 60
_COLOURS = {"web": "#1f6feb", "worker": "#bf3989", "faces": "#9a6700", "database": "#1a7f37"}
_NAMES_ZH = {"web": "网页", "worker": "任务", "faces": "人脸", "database": "数据库"}


def picture(day: Day) -> str:
    """Return the SVG."""
    wide, high = _WIDE - _LEFT - 20, _HIGH - _TOP - _FOOT
    most = max(hour.at_once for hour in day.hours) or 1.0

    def x(hour: int) -> float:
        return _LEFT + wide * hour / 24

    def y(share: float) -> float:
        return _TOP + high * (1 - min(share, 1.0))

    below = (
        f"最多 {most:,.0f} 人同时学习;最先不够的是{_NAMES_ZH[day.first_to_give_way]},"
        f"在 {day.gives_way_at:.2f} 倍峰值时"
    )
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDE} {_HIGH}" role="img"'
        ' font-family="sans-serif" font-size="13">',
        f'<rect width="{_WIDE}" height="{_HIGH}" fill="#ffffff"/>',
        _text(_LEFT, 24, "模拟的一天(不是实测):在线学员与各类进程的忙碌程度", "#1f2328"),
        _text(_LEFT, 44, below, "#57606a"),
    ]
    for hour in day.hours:
        top = y(hour.at_once / most)
        parts.append(
            f'<rect x="{x(hour.hour) + 2:.1f}" y="{top:.1f}" width="{wide / 24 - 4:.1f}"'
            f' height="{_TOP + high - top:.1f}" fill="#d0d7de"/>'
        )
        parts.append(f'<text x="{x(hour.hour) + 6:.1f}" y="{_TOP + high + 18}">{hour.hour}</text>')
    for mark in (0.0, 0.25, 0.5, 0.75, 1.0):
        parts.append(
            f'<line x1="{_LEFT}" x2="{_LEFT + wide}" y1="{y(mark):.1f}" y2="{y(mark):.1f}" stroke="#eaeef2"/>'
        )
        parts.append(f'<text x="8" y="{y(mark) + 4:.1f}">{mark:.0%}</text>')
    for place, (name, colour) in enumerate(_COLOURS.items()):
        points = []
        for hour in day.hours:
            queued = hour.tiers[name]
            points.append(
                f"{x(hour.hour) + wide / 48:.1f},{y(1.0 if queued is None else queued.utilisation):.1f}"
            )
        parts.append(
            f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="{" ".join(points)}"/>'
        )
        parts.append(
            f'<text x="{_LEFT + place * 120}" y="{_HIGH - 14}" fill="{colour}">{escape("— " + _NAMES_ZH[name])}</text>'
        )
    parts.append(_text(_LEFT + 520, _HIGH - 14, "灰柱:在线人数(占峰值);横轴:北京时间", "#57606a"))
    parts.append("</svg>")
    return "\n".join(parts)


def _text(x: float, y: float, said: str, colour: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}">{escape(said)}</text>'
