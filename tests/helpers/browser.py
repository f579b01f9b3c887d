"""Pages in a real browser: what they complain of, and what a script finds in them."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_OPTIONS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--use-angle=swiftshader",  # WebGL without a graphics card
    "--enable-unsafe-swiftshader",
    "--hide-scrollbars",
    "--window-size=1300,2000",
    "--virtual-time-budget=30000",
)
_BEFORE = """<script>window.complaints=[];
const note=(...a)=>window.complaints.push(a.map(String).join(" "));
console.error=note;addEventListener("error",(e)=>note(e.message));
addEventListener("unhandledrejection",(e)=>note(e.reason));</script>"""
_AFTER = """<script>(async()=>{let found;try{await window.e2ePage.drawn;
found=await (async()=>{%s})();}catch(error){window.complaints.push(String(error.stack))}
const shown=document.createElement("pre");shown.id="found";
shown.textContent=JSON.stringify({found,complaints:window.complaints});
document.body.replaceChildren(shown);document.head.replaceChildren();})();</script>"""


def look(page: Path, script: str, folder: Path) -> Any:
    """Open a page, wait for its plots, run a script in it.

    Args:
        page: the file.
        script: body of an asynchronous function; what it returns comes back as JSON.
        folder: an empty one, for a copy of the page and the browser's profile.

    Returns:
        What the script returned.

    Raises:
        AssertionError: the page has complained (an error, a failed promise, ``console.error``).
    """
    program = next((found for name in _NAMES if (found := shutil.which(name))), None)
    if program is None:
        pytest.skip(f"no browser for this test: none of {', '.join(_NAMES)} is installed")
    text = page.read_text(encoding="utf-8")
    text = text.replace("<head>", "<head>" + _BEFORE, 1).replace("</body>", _AFTER % script + "</body>", 1)
    copy = folder / "page.html"
    copy.write_text(text, encoding="utf-8")
    done = subprocess.run(
        [program, *_OPTIONS, f"--user-data-dir={folder / 'profile'}", "--dump-dom", copy.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
    )
    found = re.search(r'<pre id="found">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found, done.stderr[-2000:]
    result = json.loads(html.unescape(found[1]))
    assert result["complaints"] == []
    return result.get("found")
