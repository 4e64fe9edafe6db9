"""A headless Chromium, driven through pipes by the DevTools protocol: no package is needed."""

import base64
import contextlib
import json
import os
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PATIENCE = 30  # seconds
# The protocol is spoken through the descriptors 3 and 4, each message ended by a zero.
START = """
import fcntl, os, sys
there, back = (fcntl.fcntl(int(each), fcntl.F_DUPFD, 10) for each in sys.argv[1:3])
os.dup2(there, 3), os.dup2(back, 4)
os.execv(sys.argv[3], sys.argv[3:])
"""


def find() -> str | None:
    """Return the program, or None where there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Tab:
    """One page: what is in it, what is done to it, and what it complained of or asked for."""

    def __init__(self, browser, session):
        self._browser, self._session = browser, session
        self.complaints, self.requests = [], []
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def send(self, method, **parameters):
        return self._browser.send(method, parameters, self._session)

    def note(self, method, event):
        """Take an event."""
        if method == "Runtime.exceptionThrown":
            self.complaints.append(event["exceptionDetails"])
        elif method == "Runtime.consoleAPICalled" and event["type"] in ("error", "warning"):
            self.complaints.append(event["args"])
        elif method == "Log.entryAdded" and event["entry"]["level"] in ("error", "warning"):
            self.complaints.append(event["entry"])
        elif method == "Network.requestWillBeSent":
            self.requests.append(event["request"]["url"])

    def open(self, path: Path):
        """Open a file and wait until all of it is there and drawn."""
        self.send("Page.navigate", url=path.as_uri())
        self.wait("document.readyState === 'complete'")
        self.frame()

    def run(self, script: str):
        """Return the value of an expression in the page."""
        told = self.send(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in told:
            raise AssertionError(f"{script}: {told['exceptionDetails']}")
        return told["result"].get("value")

    def frame(self):
        """Wait until what was changed is drawn."""
        twice = "requestAnimationFrame(() => requestAnimationFrame(done))"
        self.run(f"new Promise((done) => {twice})")

    def wait(self, condition: str):
        """Wait until an expression holds."""
        end = time.monotonic() + PATIENCE
        while not self.run(condition):
            assert time.monotonic() < end, f"never: {condition}"
            time.sleep(0.02)

    def text(self, selector: str) -> str:
        return self.run(f"document.querySelector({json.dumps(selector)}).innerText")

    def texts(self, selector: str) -> list[str]:
        """Return the texts of all elements that are seen."""
        every = f"[...document.querySelectorAll({json.dumps(selector)})]"
        return self.run(f"{every}.filter((e) => e.checkVisibility()).map((e) => e.innerText)")

    def place(self, selector: str) -> tuple[float, float]:
        """Return where the middle of an element is, (x, y), once it is in sight."""
        box = self.run(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)});"
            "e.scrollIntoView({block: 'nearest'}); const r = e.getBoundingClientRect();"
            "return [r.x + r.width / 2, r.y + r.height / 2]; })()"
        )
        return tuple(box)

    def mouse(self, kind: str, x: float, y: float, **more):
        self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def click(self, selector: str):
        x, y = self.place(selector)
        for kind in ("mousePressed", "mouseReleased"):
            self.mouse(kind, x, y, button="left", clickCount=1)
        self.frame()

    def hover(self, x: float, y: float):
        self.mouse("mouseMoved", x, y)
        self.frame()

    def slide(self, selector: str, value: float):
        """Move a slider."""
        chosen = f"document.querySelector({json.dumps(selector)})"
        event = "new Event('input', {bubbles: true})"
        self.run(f"{chosen}.value = {value}; {chosen}.dispatchEvent({event}); 0")
        self.frame()

    def press(self, key: str, code: int = 0):
        """Press a key, as "a" or "ArrowLeft"; `code` is that of Windows, where it has a meaning."""
        text = {"text": key} if len(key) == 1 else {"text": "\r"} if key == "Enter" else {}
        known = {"key": key, "windowsVirtualKeyCode": code}
        self.send("Input.dispatchKeyEvent", type="keyDown", **known, **text)
        self.send("Input.dispatchKeyEvent", type="keyUp", **known)
        self.frame()

    def screen(self, width: int, height: int, dark: bool = False, scale: float = 1):
        """Choose the size of the window, and whether the reader likes it dark."""
        size = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": False}
        self.send("Emulation.setDeviceMetricsOverride", **size)
        feature = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.send("Emulation.setEmulatedMedia", features=[feature])

    def picture(self) -> bytes:
        """Return what is seen, as PNG."""
        return base64.b64decode(self.send("Page.captureScreenshot", format="png")["data"])


class Chromium:
    """A running browser; use it with `with`."""

    def __init__(self, program: str, profile: Path):
        (there, self._out), (self._in, back) = os.pipe(), os.pipe()
        command = [
            sys.executable, "-c", START, str(there), str(back), program, "--headless",
            "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
            "--disable-background-networking", "--disable-component-update",
            "--remote-debugging-pipe", f"--user-data-dir={profile}", "about:blank",
        ]  # fmt: skip
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self._process = subprocess.Popen(command, pass_fds=(there, back), **quiet)
        os.close(there)
        os.close(back)
        self._count, self._read, self._tabs = 0, b"", {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError, AssertionError):
            self.send("Browser.close")
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
        os.close(self._out)
        os.close(self._in)

    def tab(self) -> Tab:
        target = self.send("Target.createTarget", {"url": "about:blank"})["targetId"]
        attached = self.send("Target.attachToTarget", {"targetId": target, "flatten": True})
        session = attached["sessionId"]
        self._tabs[session] = None
        self._tabs[session] = Tab(self, session)
        return self._tabs[session]

    def send(self, method, parameters=None, session=None):
        """Send a command and return its result."""
        self._count += 1
        message = {"id": self._count, "method": method, "params": parameters or {}}
        if session:
            message["sessionId"] = session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._out, data) :]
        while True:
            answer = self._next(method)
            if answer.get("id") == message["id"]:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]
            tab = self._tabs.get(answer.get("sessionId"))
            if tab:
                tab.note(answer["method"], answer["params"])

    def _next(self, waiting):
        while b"\0" not in self._read:
            assert select.select([self._in], [], [], PATIENCE)[0], f"no answer to {waiting}"
            data = os.read(self._in, 1 << 20)
            assert data, "Chromium has ended"
            self._read += data
        message, _, self._read = self._read.partition(b"\0")
        return json.loads(message)
