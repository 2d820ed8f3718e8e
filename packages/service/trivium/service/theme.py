"""The look of the apps' Gradio pages: the platform's colours and fonts, with text dark enough to read.

Gradio's stock theme fails the contrast rule for secondary text. Fonts are the system's: no request leaves the machine.
Imports gradio; called by the web shell only.
"""

from __future__ import annotations

from pathlib import Path

import gradio as gr
from gradio.themes.utils import colors, sizes

__all__ = ["CSS_FILE", "gradio_theme"]

CSS_FILE = Path(__file__).parent / "static" / "trivium.css"

_ACCENT = colors.Color(
    c50="#eef5fb",
    c100="#dbeaf6",
    c200="#b9d6ec",
    c300="#8cc3ee",
    c400="#4f93c7",
    c500="#2a6c9f",
    c600="#1f5a88",
    c700="#17456b",
    c800="#123550",
    c900="#0d263a",
    c950="#081927",
    name="trivium",
)
_FONTS = ("system-ui", "-apple-system", "Segoe UI", "Noto Sans", "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC")


def gradio_theme() -> gr.themes.Base:
    """Return the theme that every app's page is mounted with."""
    theme = gr.themes.Base(
        primary_hue=_ACCENT,
        secondary_hue=_ACCENT,
        neutral_hue=colors.slate,
        radius_size=sizes.radius_sm,
        font=(*_FONTS, "sans-serif"),
        font_mono=("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace"),
    )
    return theme.set(
        body_background_fill="#f6f7f9",
        body_background_fill_dark="#11171d",
        body_text_color="#16202b",
        body_text_color_dark="#e8edf2",
        body_text_color_subdued="#4a5967",
        body_text_color_subdued_dark="#adb9c5",
        block_background_fill="#ffffff",
        block_background_fill_dark="#1a222b",
        block_border_color="#cfd6dd",
        block_border_color_dark="#3a4652",
        block_info_text_color="#4a5967",
        block_info_text_color_dark="#adb9c5",
        block_label_text_color="#16202b",
        block_label_text_color_dark="#e8edf2",
        block_title_text_color="#16202b",
        block_title_text_color_dark="#e8edf2",
        input_placeholder_color="#5a6875",
        input_placeholder_color_dark="#a3b0bc",
        link_text_color="#17456b",
        link_text_color_dark="#8cc3ee",
        button_primary_background_fill="#17456b",
        button_primary_background_fill_hover="#1f5a88",
        button_primary_background_fill_dark="#8cc3ee",
        button_primary_background_fill_hover_dark="#b9d6ec",
        button_primary_text_color="#ffffff",
        button_primary_text_color_dark="#0c1620",
    )
