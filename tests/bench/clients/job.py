"""What a client is to look up, read from standard input, and what it reports. Runs in whichever environment has the client."""

import json
import sys
import time
import urllib.request
from pathlib import Path

LATENCY = 0.15
"""Seconds that VirusTotal takes for a call; where time is simulated, the server does not wait but the clock moves."""
PAUSE = 15
"""Seconds after each call of a client that keeps to 4 a minute by itself."""


class Job:
    """`indicators`: pairs of kind (hash, url, ip, domain) and value. `v2`, `v3`: the roots of the two APIs."""

    def __init__(self):
        given = json.load(sys.stdin)
        self.v2, self.v3, self._control = given["v2"], given["v3"], given["control"]
        self.settings = given.get("settings", {})
        self.indicators = [(kind, value) for kind, value in given["indicators"]]
        self.variant = given.get("variant", "")
        self.simulated = given.get("simulated", False)
        self._paced = given.get("paced", False)
        self._now = self._begun = given.get("now", 0.0)
        self.answered, self.refused = set(), 0
        self.begin()

    def begin(self):
        """Time, CPU and calls are counted from now, not from when the process was started."""
        self._start, self._cpu = time.perf_counter(), time.process_time()
        urllib.request.urlopen(f"{self._control}/calls").close()  # noqa: S310 - our own server

    @property
    def now(self):
        """Unix seconds of the simulated clock."""
        return self._now

    def called(self):
        """A call came back: the simulated clock moves on by what it took, and by the client's pause."""
        self.pause(LATENCY if self.simulated else 0)
        if self._paced:
            self.pause(PAUSE)

    def pause(self, seconds):
        """Wait, or let simulated time pass."""
        if seconds and not self.simulated:
            time.sleep(seconds)
        elif seconds:
            self._now += seconds
            urllib.request.urlopen(f"{self._control}/clock/{self._now}").close()  # noqa: S310 - our own server

    def answer(self, value, *, refused=False):
        """Note what came of one indicator; `refused`: the quota was spent."""
        if refused:
            self.refused += 1
        else:
            self.answered.add(value)

    def report(self):
        """One line of JSON."""
        took = self._now - self._begun if self.simulated else time.perf_counter() - self._start
        said = {
            "seconds": took,
            "cpu": time.process_time() - self._cpu,
            "answered": len(self.answered),
            "refused": self.refused,
            "peak": peak(),
        }
        sys.stdout.write(json.dumps(said) + "\n")


def peak():
    """Megabytes: the most memory that this process has had resident since it was started."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("VmHWM:"))
