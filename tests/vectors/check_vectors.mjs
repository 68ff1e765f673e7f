// Three of the vector files in another language: `node check_vectors.mjs FOLDER`.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";

const LETTERS = [..."ABCDEFGHIJKLMNOPQRSTUVWXYZ"];
const POP20 = "BD BR CD CN DE EG ET FR ID IN IR JP MX NG PH PK RU TR US VN".split(" ");
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
const row = (letter) => LETTERS.map((second) => letter + second);
const joined = (codes) =>
  ({ count: codes.length, sha256: createHash("sha256").update(codes.join(" ")).digest("hex") });

function expand({ args, every, limit }) {
  if (every) return LETTERS.flatMap(row).slice(0, limit ?? undefined);
  if (!args.length) return POP20;
  if (!args.every((arg) => /^[A-Za-z]{1,2}$/.test(arg))) return null;
  const capitals = args.map((arg) => arg.toUpperCase());
  const codes = capitals.flatMap((arg) => (arg.length === 1 ? row(arg) : [arg]));
  return [...new Set(codes)].sort().slice(0, limit ?? undefined);
}

function prime(n) {
  if (n % 2 === 0) return false;
  for (let i = 3; i * i <= n; i += 2) if (n % i === 0) return false;
  return true;
}

function sorted([pivot, ...rest]) {
  if (pivot === undefined) return [];
  return [...sorted(rest.filter((x) => x < pivot)), pivot, ...sorted(rest.filter((x) => x >= pivot))];
}

const checks = {
  expansion({ input, output }) {
    if (input.all) return true; // needs the codes file
    const codes = expand(input);
    if (output.refused || codes === null) return output.refused === true && codes === null;
    return same(Array.isArray(output.codes) ? codes : joined(codes), output.codes);
  },
  primes: ({ input, output }) => prime(input.n) === output.prime,
  quicksort({ input, output }) {
    const items = [...input.items];
    for (const [i, j] of output.swaps ?? []) [items[i], items[j]] = [items[j], items[i]];
    return same(sorted(input.items), output.sorted) && (!output.swaps || same(items, output.sorted));
  },
};

let wrong = 0;
for (const [name, check] of Object.entries(checks)) {
  const { cases } = JSON.parse(readFileSync(join(process.argv[2], `${name}.json`), "utf8"));
  const musts = cases.filter(({ level }) => level === "MUST");
  for (const one of musts)
    if (!check(one)) wrong += console.log(`${one.id}: differs`) ?? 1;
  console.log(`${name}.json: ${musts.length} cases tried`);
}
process.exit(wrong ? 1 : 0);
