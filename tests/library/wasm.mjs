// Compiles with klock.wasm: wasm.mjs KLOCK.WASM EXAMPLE. Prints the objects; standard error has what failed.
import assert from "node:assert/strict";
import {readFileSync} from "node:fs";
import {Klock} from "../../wasm/klock.mjs";

const [, , wasm, example] = process.argv;
const bytes = readFileSync(wasm);
const klock = await Klock.load(bytes);

assert.match(klock.version, /^\d+\.\d+\.\d+$/);

// Includes come from memory, whatever the order.
const actors = 'policy p\nactor jonny = user jonny\n';
const lock = 'policy p\ninclude "actors.klock"\nlock l {\n  resources configmaps\n  namespace default\n  name n\n' +
    '  deny delete\n  exclusive jonny\n}\n';
const included = klock.compile({files: {"a/lock.klock": lock, "a/actors.klock": actors}, add: ["a/lock.klock"]});
assert.equal(included.status, "ok");
assert.match(included.output, /jonny/);

const missing = klock.compile({files: {"a/lock.klock": lock}, add: ["a/lock.klock"]});
assert.equal(missing.status, "input");
assert.equal(missing.output, null);
assert.match(missing.diagnostics, /a\/actors\.klock/);

const mistaken = klock.compile({files: {"a": "lock {"}, add: ["a"], format: "json"});
assert.equal(mistaken.status, "errors");
assert.ok(JSON.parse(mistaken.diagnostics));

// Memory that runs out is a status: the jump that klock.h's statuses stand on works here too.
const full = await Klock.load(bytes);
const held = [];
for (let size = 1 << 28; size >= 1 << 14; size >>= 1)
    for (let at; (at = full.exports.malloc(size));) held.push({at, size});
for (let freed = 0; freed < 1 << 20;) {
    const {at, size} = held.pop();
    full.exports.free(at);
    freed += size;
}
const many = Array.from({length: 2000}, (_, i) => lock.slice(lock.indexOf("lock l")).replace("lock l", `lock l${i}`));
assert.equal(full.compile({files: {"b": actors + many.join("")}, add: ["b"]}).status, "memory");
for (const {at} of held) full.exports.free(at);
const again = full.compile({files: {"a/lock.klock": lock, "a/actors.klock": actors}, add: ["a/lock.klock"]});
assert.deepEqual(again, included);

const result = klock.compile({files: {[example]: readFileSync(example, "utf8")}, add: [example]});
assert.equal(result.status, "ok");
process.stdout.write(result.output);
