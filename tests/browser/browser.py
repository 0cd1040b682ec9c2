# SPDX-License-Identifier: Apache-2.0
"""A headless Chromium, driven through chromedriver's HTTP interface (W3C WebDriver)."""
import base64
import json
import os
import re
import shutil
import struct
import subprocess
import tempfile
import urllib.error
import urllib.request
import zlib

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or \
    shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the key that the standard names


def missing():
    """Why there is no browser, or None."""
    if not CHROMIUM:
        return "no Chromium: apt-get install chromium"
    if not DRIVER:
        return "no chromedriver: apt-get install chromium-driver"
    return None


class Failure(Exception):
    pass


class Browser:
    def __init__(self):
        self.home = tempfile.mkdtemp(prefix="strata-browser.")
        self.driver = subprocess.Popen(
            [DRIVER, "--port=0"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, env=dict(os.environ, HOME=self.home, TMPDIR=self.home),
            universal_newlines=True)
        self.session, self.running = None, True
        for line in self.driver.stdout:
            said = re.search(r"started successfully on port (\d+)", line)
            if said:
                break
        else:
            raise Failure("chromedriver ended at once")
        self.base = "http://127.0.0.1:%s" % said.group(1)
        args = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                "--disable-background-networking", "--disable-component-update", "--no-first-run",
                "--host-resolver-rules=MAP * ~NOTFOUND", "--user-data-dir=" + self.home + "/profile"]
        self.session = self.call("POST", "/session", {"capabilities": {"alwaysMatch": {
            "browserName": "chrome", "unhandledPromptBehavior": "ignore",
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
            "goog:chromeOptions": {"binary": CHROMIUM, "args": args}}}})["sessionId"]

    def call(self, method, path, body=None):
        if self.session:
            path = "/session/" + self.session + path
        data = json.dumps(body if body is not None else {}).encode() if method == "POST" else None
        request = urllib.request.Request(self.base + path, data, method=method,
                                         headers={"Content-Type": "application/json"})
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=60) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as e:
            value = json.load(e)["value"]
            raise Failure("%s: %s" % (value["error"], value["message"].split("\n")[0])) from None

    def close(self):
        try:
            if self.session:
                self.call("DELETE", "")
        finally:
            self.driver.terminate()
            self.driver.wait()
            self.driver.stdout.close()
            shutil.rmtree(self.home, ignore_errors=True)

    # --- what tests do ------------------------------------------------------------------------

    def devtools(self, command, **params):
        return self.call("POST", "/goog/cdp/execute", {"cmd": command, "params": params})

    def screen(self, width, height=900, scheme="light"):
        self.devtools("Emulation.setDeviceMetricsOverride", width=width, height=height,
                      deviceScaleFactor=1, mobile=False)
        self.devtools("Emulation.setEmulatedMedia",
                      features=[{"name": "prefers-color-scheme", "value": scheme}])

    def scripts(self, on):
        self.devtools("Emulation.setScriptExecutionDisabled", value=not on)
        self.running = on

    def open(self, path):
        """Returns what the page asked for and what it complained of."""
        self.logs("performance"), self.logs("browser")
        page = "file://" + urllib.request.pathname2url(path)
        self.call("POST", "/url", {"url": page})
        if self.running:  # what a script does a little later counts too
            self.js("return new Promise((done) => setTimeout(done, 100))")
        sent = [m["message"]["params"] for m in
                (json.loads(entry["message"]) for entry in self.logs("performance"))
                if m["message"]["method"] == "Network.requestWillBeSent"]
        # Chromium's own page may still be loading in the tab when ours is opened.
        asked = [s["request"]["url"] for s in sent if s["documentURL"] == page]
        return asked, [entry["message"] for entry in self.logs("browser")]

    def logs(self, kind):
        return self.call("POST", "/se/log", {"type": kind})

    def js(self, code, *args):
        return self.call("POST", "/execute/sync", {"script": code, "args": list(args)})

    def find(self, selector):
        return self.call("POST", "/element",
                         {"using": "css selector", "value": selector})[ELEMENT]

    def click(self, selector):
        self.call("POST", "/element/%s/click" % self.find(selector))

    def type(self, selector, text):
        self.call("POST", "/element/%s/value" % self.find(selector), {"text": text})

    def hover(self, selector):
        self.call("POST", "/actions", {"actions": [{
            "type": "pointer", "id": "mouse", "actions": [{
                "type": "pointerMove", "duration": 0, "x": 0, "y": 0,
                "origin": {ELEMENT: self.find(selector)}}]}]})

    def alert(self):
        """The text of an open alert, or None."""
        try:
            return self.call("GET", "/alert/text")
        except Failure as e:
            if "no such alert" in str(e):
                return None
            raise

    def picture(self, path=None):
        """The screen as PNG, kept at path if there is one."""
        png = base64.b64decode(self.call("GET", "/screenshot"))
        if path:
            with open(path, "wb") as f:
                f.write(png)
        return png


def pixels(png):
    """Rows of (r, g, b) of an 8-bit RGB or RGBA picture."""
    at, data = 8, b""
    while at < len(png):
        size, kind = struct.unpack_from(">I4s", png, at)
        if kind == b"IHDR":
            width, height, depth, color = struct.unpack_from(">IIBB", png, at + 8)
        elif kind == b"IDAT":
            data += png[at + 8:at + 8 + size]
        at += 12 + size
    assert depth == 8 and color in (2, 6), (depth, color)
    n = 3 if color == 2 else 4
    data, above, rows = zlib.decompress(data), bytearray(width * n), []
    for y in range(height):
        start = y * (width * n + 1)
        line = bytearray(data[start + 1:start + 1 + width * n])
        unfilter(data[start], line, above, n)
        rows.append([tuple(line[x:x + 3]) for x in range(0, width * n, n)])
        above = line
    return rows


def unfilter(kind, line, above, n):
    for i in range(len(line)) if kind else ():
        left = line[i - n] if i >= n else 0
        up, corner = above[i], above[i - n] if i >= n else 0
        if kind == 4:
            guess = left + up - corner
            by = (abs(guess - left), abs(guess - up), abs(guess - corner))
            line[i] = (line[i] + (left, up, corner)[by.index(min(by))]) & 255
        else:
            line[i] = (line[i] + (left, up, (left + up) // 2)[kind - 1]) & 255


def brightness(png):
    """Mean of a picture, 0 (black) to 1 (white)."""
    rows = pixels(png)
    return sum(sum(map(sum, row)) for row in rows) / (255 * 3 * len(rows) * len(rows[0]))
