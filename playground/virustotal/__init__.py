"""A stand-in VirusTotal v2: recorded manners, invented or recorded data. For tests, benchmarks and trying things out."""

from playground.virustotal import faults
from playground.virustotal.calls import Call, Upload
from playground.virustotal.server import Sandbox

__all__ = ["Call", "Sandbox", "Upload", "faults"]
