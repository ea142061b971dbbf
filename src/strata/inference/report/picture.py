"""A picture of which node holds which layers, as SVG.

Drawn on its own light card with dark text, so it reads the same on a light and on a dark page. The colours are
Okabe and Ito's, which people with any colour vision tell apart (https://jfly.uni-koeln.de/color/).
"""

import base64
from xml.sax.saxutils import escape

from strata.inference.plan import Plan, StagePlan

_COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8c6d31", "#6b5b95")
_WIDTH, _LEFT, _RIGHT, _TOP, _ROW = 960, 150, 190, 84, 50
_STRIP = _WIDTH - _LEFT - _RIGHT  # width of all layers together
_MIB = 1024 * 1024


def layer_picture(plan: Plan) -> str:
    """Draw one row for each stage of `plan`, in the order that activations pass through them; returns SVG text.

    Each row shows the node's layers at their place among all layers and, right of it, the bytes it needs.
    The width is 960 px; the height grows by 50 px for each stage.
    """
    layers = plan.num_layers
    height = _TOP + _ROW * len(plan.stages) + 4
    title = f"{plan.model}: {layers} layers on {len(plan.stages)} node{'s' if len(plan.stages) > 1 else ''}"
    rows = [_row(index, stage, layers) for index, stage in enumerate(plan.stages)]
    arrows = [_arrow(index, stage, layers) for index, stage in enumerate(plan.stages[:-1])]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" '
            f'viewBox="0 0 {_WIDTH} {height}" font-family="system-ui, sans-serif" role="img">',
            f"<title>{escape(title)}</title>",
            f'<rect x="0.5" y="0.5" width="{_WIDTH - 1}" height="{height - 1}" rx="10" fill="#fbfbfd" '
            'stroke="#9aa3b2"/>',
            _text(24, 36, title, size=18, weight=600),
            _text(24, 60, f"{plan.dtype}, context {plan.context}, batch {plan.batch}, placed for {plan.objective}"),
            *arrows,
            *rows,
            "</svg>",
        ]
    )


def as_data_uri(svg: str) -> str:
    """The picture as a `data:` URI, for an <img> or a markdown image."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()


def _row(index: int, stage: StagePlan, layers: int) -> str:
    top = _TOP + _ROW * index
    left, right = _across(stage.first, layers), _across(stage.last + 1, layers)
    colour = _COLOURS[index % len(_COLOURS)]
    label, anchor = _label_place(left, right)
    ticks = "".join(
        f'<path d="M{_across(layer, layers):.1f} {top + 6}v26" stroke="#fbfbfd" stroke-opacity="0.55"/>'
        for layer in range(stage.first + 1, stage.last + 1)
    )
    return "".join(
        [
            _text(24, top + 24, _short(stage.node), weight=600),
            f'<rect x="{_LEFT}" y="{top + 6}" width="{_STRIP}" height="26" rx="4" fill="#e4e7ee"/>',
            f'<rect x="{left:.1f}" y="{top + 6}" width="{right - left:.1f}" height="26" rx="4" fill="{colour}"/>',
            ticks,
            _text(label, top + 23.5, _held_layers(stage, layers), size=13, anchor=anchor),
            _text(_WIDTH - _RIGHT + 16, top + 18, f"{stage.memory_bytes / _MIB:.0f} MiB", weight=600),
            _text(
                _WIDTH - _RIGHT + 16,
                top + 35,
                f"weights {stage.weight_bytes / _MIB:.0f}, KV {stage.kv_bytes / _MIB:.0f}",
                size=12,
            ),
        ]
    )


def _label_place(left: float, right: float) -> tuple[float, str]:
    """Where a bar's label goes: on the free part of the strip, on the roomier side, else on the bar itself."""
    before, after = left - _LEFT, _LEFT + _STRIP - right
    if max(before, after) < 190:
        return (left + right) / 2, "middle"
    return (right + 10, "start") if after > before else (left - 10, "end")


def _arrow(index: int, stage: StagePlan, layers: int) -> str:
    """From the right end of one stage's bar down to the left end of the next one's: the way of the activations."""
    x, y = _across(stage.last + 1, layers), _TOP + _ROW * index + 19
    return f'<path d="M{x:.1f} {y}v{_ROW - 15}m-4 -5l4 5l4 -5" fill="none" stroke="#4a5264" stroke-width="1.5"/>'


def _held_layers(stage: StagePlan, layers: int) -> str:
    span = f"layers {stage.first}-{stage.last}" if stage.last > stage.first else f"layer {stage.first}"
    before, after = "embedding, " if stage.first == 0 else "", ", head" if stage.last == layers - 1 else ""
    return before + span + after


def _across(layer: int, layers: int) -> float:
    return _LEFT + _STRIP * layer / layers


def _short(name: str, limit: int = 15) -> str:
    """Peer ids differ at their end."""
    return name if len(name) <= limit else "…" + name[-(limit - 1) :]


def _text(x: float, y: float, content: str, *, size: int = 14, weight: int = 400, anchor: str = "start") -> str:
    # The light outline keeps a label legible where it has to lie on its own bar.
    return (
        f'<text x="{x:.1f}" y="{y}" font-size="{size}" font-weight="{weight}" text-anchor="{anchor}" '
        f'fill="#1c2330" stroke="#fbfbfd" stroke-width="3" stroke-opacity="0.8" '
        f'paint-order="stroke">{escape(content)}</text>'
    )
