// call.ts METHOD ARGUMENT…: one call of the sessions' client; arguments are JSON, its answer too.
import { Drover } from "../../../clients/typescript/drover.ts";

const [method, ...rest] = process.argv.slice(2);
const drover = new Drover() as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>;
console.log(JSON.stringify(await drover[method](...rest.map((text) => JSON.parse(text)))));
