"""Begins a session, says yes to what waits for a person, and prints what happens until it ends."""
import json
import sys

from drover_client import Drover

drover = Drover()  # $DROVER_URL, $DROVER_KEY
session = drover.create(sys.argv[1], sys.argv[2])["id"]
for event in drover.events(session):
    payload = event.get("payload", {})
    print(event["kind"], json.dumps(payload))
    if event["kind"] == "wait.started" and payload["for"] == "approval":
        drover.approve(session, payload["wait_id"])
