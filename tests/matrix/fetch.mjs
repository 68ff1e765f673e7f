// Node's fetch: a line of JSON in, {url, file, gzip, patience_s}; a line out, {outcome, says}.
import { writeFile } from "node:fs/promises";
import { createInterface } from "node:readline";

async function ask({ url, file, gzip, patience_s }) {
  try {
    const headers = gzip === false ? { "Accept-Encoding": "identity" } : {}; // it offers it by itself
    const reply = await fetch(url, { headers, signal: AbortSignal.timeout(patience_s * 1000) });
    if (reply.ok) {
      await writeFile(file, Buffer.from(await reply.arrayBuffer()));
      return { outcome: "ok" };
    }
    return { outcome: reply.status === 404 ? "not_found" : "error", says: `HTTP ${reply.status}` };
  } catch (error) {
    return { outcome: "error", says: nameOf(error.cause ?? error) }; // fetch itself says TypeError
  }
}

function nameOf({ code, name, message }) {
  if (typeof code === "string") return code;
  return name === "Error" ? message : name;
}

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await ask(JSON.parse(line))));
}
process.exit(0); // whatever connections it has kept
