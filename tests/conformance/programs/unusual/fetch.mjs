// flags2 by Node's fetch.
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";

const MOST = 64;
const LETTERS = [..."ABCDEFGHIJKLMNOPQRSTUVWXYZ"];
const EVERY = LETTERS.flatMap((first) => LETTERS.map((second) => first + second));
const POP20 = "BD BR CD CN DE EG ET FR ID IN IR JP MX NG PH PK RU TR US VN".split(" ");
const URLS = {
  LOCAL: "http://localhost:8001/flags",
  DELAY: "http://localhost:8002/flags",
  ERROR: "http://localhost:8003/flags",
  REMOTE: "http://flupy.org/data/flags",
};
const LONG = { all: "a", every: "e", verbose: "v", limit: "l", max_req: "m", server: "s" };
const TIMEOUT_S = Number(process.env.FLAGS2_TIMEOUT_S) || 30;

const say = (line) => process.stdout.write(`${line}\n`);
const plural = (count) => (count === 1 ? "" : "s");

function usage(message) {
  say(`usage error: ${message}`);
  process.exit(1);
}

function parse(words) {
  const options = { codes: [], s: "LOCAL" };
  const rest = [...words];
  while (rest.length) {
    let word = rest.shift();
    if (word.startsWith("--")) {
      const [name, value] = word.slice(2).split("=");
      if (!Object.hasOwn(LONG, name)) usage(`there is no option ${word}`);
      word = `-${LONG[name]}`;
      if (value !== undefined) rest.unshift(value);
    }
    if (/^-[aev]./.test(word)) rest.unshift(`-${word.slice(2)}`);
    if (/^-[lms]./.test(word)) rest.unshift(word.slice(2));
    const name = word[1];
    if (!word.startsWith("-")) options.codes.push(word);
    else if (name && "aev".includes(name)) options[name] = true;
    else if (name && "lms".includes(name) && rest.length) options[name] = rest.shift();
    else usage(`there is no option ${word}, or it needs a value`);
  }
  for (const name of "lm") {
    if (options[name] !== undefined && !/^0*[1-9][0-9]*$/.test(options[name])) {
      usage(`-${name} must be a number from 1`);
    }
  }
  options.s = options.s.toUpperCase();
  if (!Object.hasOwn(URLS, options.s)) usage(`there is no server ${options.s}`);
  return options;
}

function expand({ a, e, l, codes }) {
  let named = codes.flatMap((word) => {
    if (!/^[A-Za-z]{1,2}$/.test(word)) usage(`${word} is neither a code nor a letter`);
    const code = word.toUpperCase();
    return code.length === 1 ? LETTERS.map((second) => code + second) : [code];
  });
  if (e) named = EVERY;
  else if (a) {
    try {
      named = readFileSync("country_codes.txt", "utf8").split(/\s+/).filter(Boolean);
    } catch (error) {
      usage(error.message);
    }
  }
  return [...new Set(named.length ? named : POP20)].sort().slice(0, l && Number(l));
}

// Status and whole body. No total limit: the clock starts anew with every piece that comes.
async function ask(url) {
  const silence = new AbortController();
  // With `connection: "close"`, undici takes the end of a connection for that of the chunks (OUT-5).
  const headers = { "accept-encoding": "identity" };
  let timer;
  const wait = () => {
    clearTimeout(timer);
    timer = setTimeout(() => silence.abort(new Error("silent")), TIMEOUT_S * 1000);
  };
  wait();
  try {
    const reply = await fetch(url, { headers, redirect: "manual", signal: silence.signal });
    const pieces = [];
    for await (const piece of reply.body ?? []) {
      pieces.push(piece);
      wait();
    }
    return [reply.status, Buffer.concat(pieces)];
  } finally {
    clearTimeout(timer);
  }
}

// In one go, so that Ctrl-C finds nothing half saved.
function save(code, body) {
  const path = `downloads/${code.toLowerCase()}.gif`;
  try {
    mkdirSync("downloads", { recursive: true });
    writeFileSync(`${path}.part`, body);
    renameSync(`${path}.part`, path);
  } catch (error) {
    rmSync(`${path}.part`, { force: true });
    throw error;
  }
}

async function download(code) {
  const small = code.toLowerCase();
  try {
    const [status, body] = await ask(`${base}/${small}/${small}.gif`);
    if (status === 404) return count("not_found", `${code} not found`);
    if (status !== 200) return count("error", `*** Error for ${code}: HTTP ${status}`);
    save(code, body);
    return count("ok", `${code} OK`);
  } catch (error) {
    const { code: name, message } = error.cause ?? error;
    return count("error", `*** Error for ${code}: ${name ?? message}`);
  }
}

function count(outcome, line) {
  totals[outcome] += 1;
  if (options.v) say(line);
}

const options = parse(process.argv.slice(2));
const codes = expand(options);
const base = (process.env[`FLAGS2_${options.s}_URL`] || URLS[options.s]).replace(/\/+$/, "");
const connections = Math.min(options.m ? Number(options.m) : 6, MOST, codes.length);
const listed = codes.length <= 10 ? codes.join(", ") : `from ${codes[0]} to ${codes.at(-1)}`;
say(`${options.s} site: ${base}`);
say(`Searching for ${codes.length} flag${plural(codes.length)}: ${listed}`);
say(`${connections} concurrent connection${plural(connections)} will be used.`);

const totals = { ok: 0, not_found: 0, error: 0 };
const start = performance.now();
function report() {
  const { ok, not_found, error } = totals;
  say("-".repeat(20));
  say(`${ok} flag${plural(ok)} downloaded.`);
  if (not_found) say(`${not_found} not found.`);
  if (error) say(`${error} error${plural(error)}.`);
  say(`Elapsed time: ${((performance.now() - start) / 1000).toFixed(2)}s`);
}

process.on("SIGINT", () => {
  report();
  say(`${codes.length - totals.ok - totals.not_found - totals.error} interrupted.`);
  process.exit(130);
});

const queue = [...codes];
async function work() {
  while (queue.length) await download(queue.shift());
}
await Promise.all(Array.from({ length: connections }, work));
report();
