"""The HTML report: one file that needs nothing else, every number of which leads to its source.

`page` puts it together; `tables`, `overview`, `findings` and `sections` write its parts; `report.css` and `report.js`
are its look and its behaviour.
"""

from trivium.finance.report.html.page import render_html

__all__ = ["render_html"]
