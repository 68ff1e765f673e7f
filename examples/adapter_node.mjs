// An adapter in JavaScript: `conformance adapter -- node adapter_node.mjs`.
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";

const LETTERS = [..."ABCDEFGHIJKLMNOPQRSTUVWXYZ"];
const POP20 = "BD BR CD CN DE EG ET FR ID IN IR JP MX NG PH PK RU TR US VN".split(" ");

function codesOf(word) {
  if (/^[A-Za-z]$/.test(word)) return LETTERS.map((second) => word.toUpperCase() + second);
  if (/^[A-Za-z]{2}$/.test(word)) return [word.toUpperCase()];
  throw new Error(`${word} is not A to Z or AA to ZZ`);
}

function expand({ args, every, all, limit }) {
  const words = every ? LETTERS
    : all ? readFileSync("country_codes.txt", "utf8").trim().split(/\s+/)
    : args.length ? args : POP20;
  return [...new Set(words.flatMap(codesOf))].sort().slice(0, limit ?? undefined);
}

function isPrime({ n }) {
  if (n < 0) throw new Error(`${n} is negative`);
  if (n < 2 || n % 2 === 0) return n === 2;
  for (let i = 3; i * i <= n; i += 2) if (n % i === 0) return false;
  return true;
}

function quicksort({ items }) {
  const ranges = [[0, items.length - 1]]; // recursion would fail for 10,000 sorted numbers
  while (ranges.length) {
    const [low, high] = ranges.pop();
    if (low >= high) continue;
    const pivot = items[(low + high) >> 1];
    let [i, j] = [low, high];
    while (i <= j) {
      while (items[i] < pivot) i++;
      while (items[j] > pivot) j--;
      if (i <= j) {
        [items[i], items[j]] = [items[j], items[i]];
        i++, j--;
      }
    }
    ranges.push([low, j], [i, high]);
  }
  return items;
}

const operations = new Map([["expand", expand], ["is_prime", isPrime], ["quicksort", quicksort]]);

for await (const line of createInterface({ input: process.stdin })) {
  const question = JSON.parse(line);
  const operation = operations.get(question.op);
  let answer;
  try {
    answer = operation ? { result: operation(question) } : { unsupported: true };
  } catch (error) {
    answer = { error: error.message };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
