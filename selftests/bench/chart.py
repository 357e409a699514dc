# SPDX-License-Identifier: GPL-2.0
"""The chart: a bar for each row's ratio, on a logarithmic scale."""

import math
from xml.sax.saxutils import escape

LEFT, WIDTH, LINE, TOP = 330, 520, 22, 60
LEAST, MOST = 0.01, 4.0


def svg(rows, title):
    def x(ratio):
        ratio = min(max(ratio, LEAST), MOST)
        return LEFT + WIDTH * math.log(ratio / LEAST) / math.log(MOST / LEAST)

    height = TOP + LINE * len(rows) + 30
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + 90}" height="{height}" '
        'font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="10" y="20" font-size="14" font-weight="bold">{escape(title)}</text>',
        '<text x="10" y="38" fill="#555">own cost relative to the C module: left of 1 is faster, or smaller; '
        "line: 95 % interval; triangle: target</text>",
    ]
    for tick in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 4):
        colour = "#888" if tick == 1 else "#ddd"
        parts.append(f'<path d="M{x(tick):.1f} {TOP - 6}V{height - 24}" stroke="{colour}"/>')
        parts.append(f'<text x="{x(tick):.1f}" y="{height - 10}" text-anchor="middle" fill="#555">{tick:g}</text>')
    for number, row in enumerate(rows):
        y = TOP + LINE * number
        colour = "#b5482f" if row.met is False or row.low > 1 else "#2f7d4f"
        begin, end = sorted((x(row.ratio), x(1)))
        parts += [
            f'<text x="{LEFT - 8}" y="{y + 12}" text-anchor="end">{escape(row.name)}</text>',
            f'<rect x="{begin:.1f}" y="{y + 2}" width="{end - begin:.1f}" height="13" fill="{colour}"/>',
            f'<path d="M{x(row.low):.1f} {y + 8.5}H{x(row.high):.1f}" stroke="black"/>',
            f'<text x="{LEFT + WIDTH + 8}" y="{y + 12}">{row.ratio:.2f}</text>',
        ]
        if row.target:
            at = x(row.target)
            parts.append(f'<path d="M{at:.1f} {y + 1}l-4 -6h8z" fill="#335"/>')
    return "\n".join(parts) + "\n</svg>\n"
