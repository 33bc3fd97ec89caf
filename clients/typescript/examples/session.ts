// Begins a session, says yes to what waits for a person, and prints what happens until it ends.
import { Drover } from "../drover.ts";

const drover = new Drover(); // $DROVER_URL, $DROVER_KEY
const session = await drover.create({ agent: process.argv[2], message: process.argv[3] });
for await (const { kind, payload } of drover.events(session.id)) {
  console.log(kind, JSON.stringify(payload));
  if (kind === "wait.started" && payload?.for === "approval") {
    await drover.approve(session.id, { wait_id: String(payload.wait_id), decision: "approve" });
  }
}
