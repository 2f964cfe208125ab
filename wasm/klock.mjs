// The library for JavaScript: klock.wasm needs nothing of its host but `read`.
//
//     const klock = await Klock.load(bytes);
//     const result = klock.compile({files: {"p.klock": text}, add: ["p.klock"]});
//     if (result.status === "ok") console.log(result.output);
//     else console.error(result.diagnostics);

const STATUSES = ["ok", "errors", "input", "internal", "memory", "busy"];
const NO_SUCH_DESCRIPTOR = 8, NOT_SUPPORTED = 58; // errno of WASI

// The C library refers to files, which there are none of.
function withoutFiles(module) {
    const functions = {};
    for (const {module: from, name} of WebAssembly.Module.imports(module))
        if (from === "wasi_snapshot_preview1") functions[name] = () => NOT_SUPPORTED;
    functions.fd_prestat_get = () => NO_SUCH_DESCRIPTOR;
    functions.proc_exit = (status) => {
        throw new Error(`klock.wasm ended with status ${status}`);
    };
    return functions;
}

export class Klock {
    // From the bytes of klock.wasm.
    static async load(bytes) {
        const klock = new Klock();
        const module = await WebAssembly.compile(bytes);
        const instance = await WebAssembly.instantiate(module, {
            wasi_snapshot_preview1: withoutFiles(module),
            klock: {read: (path, file) => klock.#read(path, file)},
        });
        klock.exports = instance.exports;
        klock.exports._initialize();
        return klock;
    }

    get version() {
        return this.#text(this.exports.klock_version());
    }

    // Compiles the files that `add` names; includes are looked for in `files` too. Diagnostics are in `format`; output
    // is null unless the status is "ok".
    compile({files, add, minor = 0, isStatic = false, date = null, format = "human", controllers = 0}) {
        this.files = files;
        return this.#withTexts((pass) => {
            const {exports} = this;
            const compiler = exports.klock_wasm_new(minor, isStatic ? 1 : 0, pass(date), 0, 0, controllers);
            if (!compiler) return {status: "memory", diagnostics: null, output: null};
            for (const path of add) exports.klock_add_file(compiler, pass(path));
            const status = STATUSES[exports.klock_compile(compiler)];
            const diagnostics = this.#text(exports.klock_diagnostics_text(compiler, pass(format), 0));
            const output = this.#text(exports.klock_output_text(compiler, pass("yaml")));
            exports.klock_free(compiler);
            return {status, diagnostics, output};
        });
    }

    #read(path, file) {
        const asked = this.#text(path);
        const text = asked.endsWith("/") ? this.#list(asked === "./" ? "" : asked) : this.files[asked];
        if (text === undefined) return;
        this.#withTexts((pass) => this.exports.klock_file_give(file, pass(text), new TextEncoder().encode(text).length));
    }

    // The names in a directory, a line each; undefined where nothing is below it.
    #list(directory) {
        const below = Object.keys(this.files).filter((path) => path.startsWith(directory));
        if (below.length === 0) return undefined;
        return [...new Set(below.map((path) => `${path.slice(directory.length).split("/")[0]}\n`))].join("");
    }

    // Calls `work` with a function that passes a text, which is freed afterwards.
    #withTexts(work) {
        const passed = [];
        try {
            return work((text) => {
                if (text === null) return 0;
                const bytes = new TextEncoder().encode(text);
                const at = this.exports.malloc(bytes.length + 1) >>> 0; // addresses have no sign
                if (!at) throw new Error("memory ran out");
                passed.push(at);
                const room = new Uint8Array(this.exports.memory.buffer, at, bytes.length + 1);
                room.set(bytes);
                room[bytes.length] = 0;
                return at;
            });
        } finally {
            for (const at of passed) this.exports.free(at);
        }
    }

    // The text at an address; null for none.
    #text(at) {
        if (!at) return null;
        const bytes = new Uint8Array(this.exports.memory.buffer, at >>> 0);
        return new TextDecoder().decode(bytes.subarray(0, bytes.indexOf(0)));
    }
}
