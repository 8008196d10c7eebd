"""A stand-in VirusTotal v2: recorded manners, invented or recorded data. For tests, benchmarks and trying things out."""

from vt.sandbox import faults
from vt.sandbox.calls import Call, Upload
from vt.sandbox.server import Sandbox

__all__ = ["Call", "Sandbox", "Upload", "faults"]
