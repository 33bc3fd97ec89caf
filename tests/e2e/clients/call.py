"""call.py METHOD ARGUMENT…: one call of the sessions' client; arguments are JSON, its answer too."""
import json
import sys

from drover_client import Drover

method, *rest = sys.argv[1:]
arguments = [json.loads(text) for text in rest]
if method == "approve":  # options by name here, an object there
    arguments = [arguments[0], *arguments[1].values()]
print(json.dumps(getattr(Drover(), method)(*arguments)))
