"""Runs the steps of an action of GitHub, or the jobs of a file for GitLab, in the shell as their runners do.

    runner.py github action.yml [INPUT=VALUE]...
    runner.py gitlab FILE JOB [VARIABLE=VALUE]...

The working directory is the checkout. It ends with the status of the first step that fails.
"""
import os
import re
import subprocess
import sys
import tempfile

from ruamel.yaml import YAML


def load(path):
    with open(path, encoding="utf-8") as file:
        return YAML(typ="safe").load(file)


def run(script, environment):
    with tempfile.NamedTemporaryFile("w", suffix=".sh") as file:
        file.write(script)
        file.flush()
        return subprocess.run(["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", file.name],
                              env=environment, check=False).returncode


def github(path, given):
    action = load(path)
    inputs = {name: one.get("default", "") for name, one in action["inputs"].items()}
    for name in given:
        if name not in inputs:
            sys.exit(f"{path} has no input {name}")
    inputs.update(given)
    context = {f"inputs.{name}": value for name, value in inputs.items()}
    context["github.action_path"] = os.path.dirname(os.path.abspath(path))
    context["github.action_repository"] = "owner/klock"

    def value(text):
        # Whoever puts an input into a script lets it run commands: only variables take them.
        return re.sub(r"\$\{\{ (\S+) \}\}", lambda found: context[found[1]], str(text))

    if action["runs"]["using"] != "composite":
        sys.exit(f"{path} is no composite action")
    with tempfile.TemporaryDirectory() as runner:
        path_file = os.path.join(runner, "path")
        open(path_file, "w", encoding="utf-8").close()
        environment = dict(os.environ, GITHUB_PATH=path_file, RUNNER_TEMP=runner)
        environment.setdefault("GITHUB_SERVER_URL", "https://github.com")
        for step in action["runs"]["steps"]:
            unknown = set(step) - {"name", "shell", "env", "run"}
            if unknown or step["shell"] != "bash" or "${{" in step["run"]:
                sys.exit(f"step {step['name']}: {unknown or step['run']}")
            own = {name: value(text) for name, text in step.get("env", {}).items()}
            print(f"== {step['name']}", flush=True)
            status = run(step["run"], dict(environment, **own))
            if status:
                return status
            with open(path_file, encoding="utf-8") as added:
                for line in added.read().splitlines():
                    environment["PATH"] = f"{line}:{environment['PATH']}"
    return 0


def gitlab(path, name, given):
    file = load(path)
    job = dict(file[name])
    for parent in [job.get("extends")] if isinstance(job.get("extends"), str) else job.get("extends", []):
        job = {**file[parent], **job}
    variables = {**file.get("variables", {}), **job.get("variables", {}), **given}
    script = "\n".join(job.get("before_script", []) + job["script"]) + "\n"
    status = run(script, dict(os.environ, **{key: str(value) for key, value in variables.items()}))
    for reports in job.get("artifacts", {}).get("reports", {}).values():
        for report in [reports] if isinstance(reports, str) else reports:
            if not os.path.exists(report):
                sys.exit(f"{name} leaves no {report}")
    return status


def pairs(words):
    return dict(word.split("=", 1) for word in words)


if sys.argv[1] == "github":
    sys.exit(github(sys.argv[2], pairs(sys.argv[3:])))
sys.exit(gitlab(sys.argv[2], sys.argv[3], pairs(sys.argv[4:])))
