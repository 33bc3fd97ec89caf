"""Drover's client: sessions (Drover), an HTTP planner (serve), a worker (work).

No dependencies; Python 3.11 or newer. README.md shows each in ten lines; types.py names what the
contract says.
"""

from .client import Drover, DroverError
from .planner import Call, Planner, PlannerServer, serve
from .worker import GiveBack, Reply, Tool, Worker, work

__all__ = ["Call", "Drover", "DroverError", "GiveBack", "Planner", "PlannerServer", "Reply", "Tool", "Worker",
           "serve", "work"]
