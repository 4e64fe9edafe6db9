"""What is embedded in a page."""

import json
import re


def embedded(page: str, attribute: str) -> list:
    """Return the documents of a whole page's elements with an attribute, as `class="photo"`."""
    assert page.rstrip().endswith("</html>")
    pattern = rf'<script type="application/json" {re.escape(attribute)}>(.*?)</script>'
    return [json.loads(text) for text in re.findall(pattern, page, re.DOTALL)]
