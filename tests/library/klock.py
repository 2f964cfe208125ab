"""libklock.so as another language uses it: klock.py LIBKLOCK.SO

Prints a line for each test, "ok - WHAT" or "not ok - WHAT", and "done" at the end."""

import ctypes
import json
import sys
from ctypes import POINTER, byref, c_bool, c_char_p, c_int, c_size_t, c_uint, c_void_p, sizeof

library = ctypes.CDLL(sys.argv[1])

READ = ctypes.CFUNCTYPE(None, c_void_p, c_char_p, c_void_p)


class Options(ctypes.Structure):
    _fields_ = [
        ("size", c_size_t),
        ("kubernetes_minor", c_uint),
        ("target", c_int),
        ("date", c_char_p),
        ("root", c_char_p),
        ("warnings_as_errors", c_bool),
        ("read", READ),
        ("context", c_void_p),
        ("controllers", c_int),
    ]


class Place(ctypes.Structure):
    _fields_ = [
        ("file", c_char_p),
        ("begin", c_size_t),
        ("end", c_size_t),
        ("line", c_uint),
        ("column", c_uint),
        ("end_line", c_uint),
        ("end_column", c_uint),
    ]


class Diagnostic(ctypes.Structure):
    _fields_ = [
        ("size", c_size_t),
        ("code", c_char_p),
        ("name", c_char_p),
        ("is_error", c_bool),
        ("message", c_char_p),
        ("help", c_char_p),
        ("place", Place),
        ("related_count", c_size_t),
        ("fix_count", c_size_t),
    ]


class Fix(ctypes.Structure):
    _fields_ = [("size", c_size_t), ("place", Place), ("text", c_char_p)]


class Object(ctypes.Structure):
    _fields_ = [
        ("size", c_size_t),
        ("kind", c_char_p),
        ("namespace", c_char_p),
        ("name", c_char_p),
        ("file", c_char_p),
        ("yaml", c_char_p),
        ("len", c_size_t),
    ]


def declare(name, result, *arguments):
    function = getattr(library, name)
    function.restype, function.argtypes = result, arguments


declare("klock_version", c_char_p)
declare("klock_new", c_void_p, POINTER(Options))
declare("klock_free", None, c_void_p)
declare("klock_file_give", None, c_void_p, c_char_p, c_size_t)
declare("klock_file_refuse", None, c_void_p, c_char_p)
declare("klock_add_file", None, c_void_p, c_char_p)
declare("klock_compile", c_int, c_void_p)
declare("klock_diagnostic_count", c_size_t, c_void_p)
declare("klock_diagnostic_at", c_bool, c_void_p, c_size_t, POINTER(Diagnostic))
declare("klock_fix_at", c_bool, c_void_p, c_size_t, c_size_t, POINTER(Fix))
declare("klock_object_count", c_size_t, c_void_p)
declare("klock_object_at", c_bool, c_void_p, c_size_t, POINTER(Object))
declare("klock_output_text", c_char_p, c_void_p, c_char_p)
declare("klock_test_cases", c_char_p, c_void_p)
declare("klock_description", c_char_p, c_void_p, c_char_p)
declare("klock_decide", c_char_p, c_void_p, c_char_p, c_size_t, POINTER(c_char_p))

OK, ERRORS, INPUT = 0, 1, 2

ACTORS = """policy p
actor jonny = user jonny
"""
LOCK = """policy p
include "actors.klock"
lock l {
  resources  configmaps
  namespace  default
  name       settings
  deny       delete
  exclusive  jonny
  guard      no owners, no namespace
}
test "others may not" {
  as user alice
  delete  configmaps default/settings
  expect  denied by l
}
"""


def compile_texts(texts, use):
    """Compiles "main.klock" of the texts, and hands compiler and status to `use`."""

    def read(_, path, file):
        text = texts.get(path.decode())
        if text is None:
            library.klock_file_refuse(file, b"it is not among the texts")
        else:
            library.klock_file_give(file, text.encode(), len(text.encode()))

    options = Options(size=sizeof(Options), read=READ(read))
    compiler = library.klock_new(byref(options))
    try:
        library.klock_add_file(compiler, b"main.klock")
        return use(compiler, library.klock_compile(compiler))
    finally:
        library.klock_free(compiler)


def diagnostics(compiler):
    for i in range(library.klock_diagnostic_count(compiler)):
        found = Diagnostic(size=sizeof(Diagnostic))
        assert library.klock_diagnostic_at(compiler, i, byref(found))
        yield i, found


def decide(compiler, request):
    text, error = json.dumps(request).encode(), c_char_p()
    decisions = library.klock_decide(compiler, text, len(text), byref(error))
    return (json.loads(decisions) if decisions is not None else None), error.value


def the_version_is_that_of_the_header():
    numbers = {}
    with open("include/klock/klock.h", encoding="utf-8") as header:
        for line in header:
            if line.startswith("#define KLOCK_VERSION_"):
                _, name, number = line.split()
                numbers[name] = number
    assert library.klock_version().decode() == ".".join(numbers.values())


def policies_from_memory_become_objects():
    def use(compiler, status):
        assert status == OK, status
        texts = []
        for i in range(library.klock_object_count(compiler)):
            found = Object(size=sizeof(Object))
            assert library.klock_object_at(compiler, i, byref(found))
            assert len(found.yaml) == found.len and found.file.endswith(b".yaml")
            texts.append((found.kind, found.yaml))
        assert [kind for kind, _ in texts] == [b"ValidatingAdmissionPolicy", b"ValidatingAdmissionPolicyBinding"], texts
        assert library.klock_output_text(compiler, b"yaml") == b"".join(yaml for _, yaml in texts)

    compile_texts({"main.klock": LOCK, "actors.klock": ACTORS}, use)


def mistakes_have_places_and_fixes():
    def use(compiler, status):
        assert status == ERRORS, status
        [(index, found)] = [(i, d) for i, d in diagnostics(compiler) if d.is_error]
        assert (found.place.file, found.place.line, found.place.column) == (b"main.klock", 4, 14)
        assert text.encode()[found.place.begin : found.place.end] == b"configmapz"
        assert (found.place.end_line, found.place.end_column) == (4, 24)
        fix = Fix(size=sizeof(Fix))
        assert library.klock_fix_at(compiler, index, 0, byref(fix)) and fix.text == b"configmaps"
        assert decide(compiler, [])[0] is None

    text = LOCK.replace("  configmaps\n", "  configmapz\n").partition("test")[0]
    compile_texts({"main.klock": text, "actors.klock": ACTORS}, use)


def what_is_refused_is_an_input_error():
    def use(compiler, status):
        assert status == INPUT, status
        assert any(b"it is not among the texts" in d.message for _, d in diagnostics(compiler))
        assert library.klock_object_count(compiler) == 0
        assert decide(compiler, [])[0] is None

    compile_texts({"main.klock": LOCK}, use)


def requests_are_decided_as_the_tests_say():
    def use(compiler, status):
        assert status == OK, status
        [described] = json.loads(library.klock_description(compiler, b"json"))["policies"]
        assert described["locks"][0]["sentences"]
        assert library.klock_description(compiler, b"yaml") is None
        [case] = json.loads(library.klock_test_cases(compiler))["cases"]
        decisions, _ = decide(compiler, case["request"])
        assert decisions == [case["decision"]] and decisions[0]["verdict"] == "denied", decisions
        by_jonny = dict(case["request"], user=dict(case["request"]["user"], username="jonny"))
        decisions, _ = decide(compiler, [by_jonny, case["request"]])
        assert [d["verdict"] for d in decisions] == ["allowed", "denied"], decisions
        del by_jonny["oldObject"]
        decisions, error = decide(compiler, by_jonny)
        assert decisions is None and b"oldObject" in error, error

    compile_texts({"main.klock": LOCK, "actors.klock": ACTORS}, use)


for test in (
    the_version_is_that_of_the_header,
    policies_from_memory_become_objects,
    mistakes_have_places_and_fixes,
    what_is_refused_is_an_input_error,
    requests_are_decided_as_the_tests_say,
):
    what = test.__name__.replace("_", " ")
    try:
        test()
        print("ok -", what)
    except AssertionError as error:
        line = error.__traceback__.tb_next
        while line.tb_next:
            line = line.tb_next
        print(f"not ok - {what}: line {line.tb_lineno}: {error}")
print("done")
