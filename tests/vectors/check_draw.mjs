// The draw of SPEC.md once more, in another language: `node check_draw.mjs [draw.json]`.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

const sha256 = (text) => createHash("sha256").update(text, "utf8").digest();
const draw = (text) => Number(sha256(text).readBigUInt64BE() >> 11n) / 2 ** 53;

function noise({ seed, label, resource, attempt }) {
  const blocks = [0, 1, 2, 3, 4, 5, 6, 7].map((k) =>
    sha256(`v1|${seed}|${label}|${resource}|${attempt}|bytes|${k}`));
  blocks[0][0] |= 0x80;
  return Buffer.concat(blocks).toString("hex");
}

function bytes({ seed, label, resource, attempt, length }) {
  const blocks = Array.from({ length: Math.ceil(length / 32) }, (_, k) =>
    sha256(`v1|${seed}|${label}|${resource}|${attempt}|bytes|${k}`));
  return Buffer.concat(blocks).subarray(0, length).toString("hex");
}

function places({ seed, label, resource, attempt, count, length }) {
  const found = new Set();
  for (let k = 0; found.size < Math.min(count, length); k++)
    found.add(Math.floor(length * draw(`v1|${seed}|${label}|${resource}|${attempt}|places|${k}`)));
  return [...found].sort((a, b) => a - b);
}

function normal(z) { // the distribution function, by the series of its odd powers
  let sum = z, term = z;
  for (let n = 3; sum !== (sum += term *= z * z / n); n += 2);
  return 0.5 + sum * Math.exp(-z * z / 2) / Math.sqrt(2 * Math.PI);
}

function quantile(u) {
  let [low, high] = [-8, 8];
  for (let n = 0; n < 100; n++) {
    const middle = (low + high) / 2;
    if (normal(middle) < u) low = middle; else high = middle;
  }
  return low;
}

function fate({ plan, label, resource, attempt }) {
  const u = (purpose) =>
    draw(`v1|${plan.seed}|${label}|${resource}|${plan.per_attempt ? attempt : 0}|${purpose}`);
  const code = /^[A-Z]{2}$/.test(resource) ? resource.toLowerCase() : null;
  const rule = (code && plan.rules?.[`/flags/${code}/${code}.gif`]) ?? plan.rules?.[resource];
  let edge = 0;
  const met = rule ? rule[Math.min(attempt, rule.length) - 1]
    : plan.mix?.find((bucket) => 100 * u("bucket") < (edge += bucket.weight)) ?? { do: "serve" };
  const { weight, ...reply } = met;
  if (Array.isArray(reply.status))
    reply.status = reply.status[Math.floor(reply.status.length * u("status"))];
  const { uniform, lognormal } = reply.delay_s ?? {};
  if (uniform) reply.delay_s = uniform[0] + (uniform[1] - uniform[0]) * u("delay");
  if (lognormal)
    reply.delay_s = Math.min(lognormal.max,
      lognormal.median * Math.exp(lognormal.sigma * quantile(u("delay"))));
  return reply;
}

const vectors = JSON.parse(readFileSync(process.argv[2] ?? new URL("draw.json", import.meta.url)));
try {
  for (const vector of vectors.draw) assert.equal(draw(vector.text), vector.u);
  for (const vector of vectors.noise) assert.equal(noise(vector), vector.hex);
  for (const vector of vectors.bytes) assert.equal(bytes(vector), vector.hex);
  for (const vector of vectors.places) assert.deepEqual(places(vector), vector.places);
  for (const vector of vectors.fates) {
    const { delay_s: here = 0, ...reply } = fate(vector);
    const { delay_s: there = 0, ...expected } = vector.reply;
    assert.deepEqual(reply, expected);
    assert.ok(Math.abs(here - there) <= 1e-6, `${JSON.stringify(vector)}: ${here}`);
  }
} catch (difference) {
  console.log(`draw.json: ${difference.message.replaceAll("\n", " ")}`);
  process.exit(1);
}
const { draw: draws, noise: noises, fates } = vectors;
console.log(`draw.json: ${draws.length} draws, ${noises.length} noises, ${fates.length} fates agree`);
