# SPDX-License-Identifier: Apache-2.0
"""Plots as SVG, by hand: two panels of lines over a logarithmic number of consumers."""
import math

WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 520, 360, 80, 40, 110, 50
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")  # told apart by colour-blind eyes


def _decades(low, high):
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    return first, max(last, first + 1)


class Panel:
    """Both axes are logarithmic; all values above 0."""

    def __init__(self, left, title, x_label, y_label, lines):
        self.left, self.parts = left + LEFT, []
        xs = [x for _, _, points in lines for x, _ in points]
        ys = [y for _, _, points in lines for _, y in points]
        self.x0, self.x1 = _decades(min(xs), max(xs))
        self.y0, self.y1 = _decades(min(ys), max(ys))
        self.right, self.bottom = left + WIDTH - RIGHT, HEIGHT - BOTTOM
        self._axes(title, x_label, y_label)
        for number, (name, dashed, points) in enumerate(lines):
            colour = COLOURS[number % len(COLOURS)]
            self._line(colour, dashed, points)
            self._text(self.right + 8, TOP + 10 + 16 * number, name, "start",
                       f' fill="{colour}"')

    def _x(self, value):
        share = (math.log10(value) - self.x0) / (self.x1 - self.x0)
        return self.left + share * (self.right - self.left)

    def _y(self, value):
        share = (math.log10(value) - self.y0) / (self.y1 - self.y0)
        return self.bottom - share * (self.bottom - TOP)

    def _text(self, x, y, text, anchor="middle", more=""):
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{more}>'
                          f'{text}</text>')

    def _axes(self, title, x_label, y_label):
        self._text((self.left + self.right) / 2, TOP - 16, title, more=' font-weight="bold"')
        self._text((self.left + self.right) / 2, HEIGHT - 10, x_label)
        middle = (TOP + self.bottom) / 2
        self._text(self.left - 60, middle, y_label,
                   more=f' transform="rotate(-90 {self.left - 60} {middle})"')
        for power in range(self.y0, self.y1 + 1):
            y = self._y(10 ** power)
            self.parts.append(f'<path d="M{self.left} {y:.1f}H{self.right}" stroke="#ddd"/>')
            self._text(self.left - 6, y + 4, f"{10 ** power:g}", "end")
        for power in range(self.x0, self.x1 + 1):
            x = self._x(10 ** power)
            self.parts.append(f'<path d="M{x:.1f} {TOP}V{self.bottom}" stroke="#ddd"/>')
            self._text(x, self.bottom + 18, f"{10 ** power:g}")

    def _line(self, colour, dashed, points):
        path = "L".join(f"{self._x(x):.1f} {self._y(y):.1f}" for x, y in points)
        dash = ' stroke-dasharray="5 4"' if dashed else ""
        self.parts.append(f'<path d="M{path}" fill="none" stroke="{colour}"{dash}/>')
        for x, y in points:
            self.parts.append(f'<circle cx="{self._x(x):.1f}" cy="{self._y(y):.1f}" r="2.5" '
                              f'fill="{colour}"/>')


def _write(path, panels):
    body = "\n".join(part for panel in panels for part in panel.parts)
    with open(path, "w", encoding="utf-8") as file:
        file.write(f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH * len(panels)}" '
                   f'height="{HEIGHT}" font-family="sans-serif" font-size="12">\n'
                   f'<rect width="100%" height="100%" fill="#fff"/>\n{body}\n</svg>\n')


def load(path, rows):
    """Throughput and, at 50 % of it, latency over the number of consumers: rows of bench load."""
    rows = sorted(rows, key=lambda r: r["consumers"])
    throughput = [("sealed", False, [(r["consumers"], r["packets_per_second"]) for r in rows])]
    percentiles = [(name, False, [(r["consumers"], max(
        r["latency"]["50"]["latency_gapless_ns"][key], 100) / 1e3) for r in rows])
        for name, key in (("p50", "p50"), ("p99", "p99"), ("p99.9", "p99_9"),
                          ("p99.99", "p99_99"))]
    _write(path, [
        Panel(0, "highest loss-free rate", "consumers", "packets a second", throughput),
        Panel(WIDTH, "one-way latency at 50 % of it, gap windows left out", "consumers",
              "microseconds", percentiles)])
