# Dependency files, and the builds that make and ninja make of them. Read by run.sh.
mkdir build-dir && cd build-dir
printf 'policy actors\nactor ops = user ops\n' >actors.klock
mkdir -p policies/deep crds
widget() { # KIND
	printf 'apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: %ss.example.com}\nspec: {group: example.com, scope: Namespaced, names: {plural: %ss, kind: %s}, versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}]}\n' "$1" "$1" "$1"
}
widget widget >crds/widgets.yaml
cat >policies/top.klock <<'POLICY'
policy top
include "../actors.klock"
resources from "../crds/*.yaml"
lock x { resources widgets  namespace a  name b  deny delete  exclusive ops  guard no owners, no namespace }
POLICY
try 0 compile policies --root . --output-file top.yaml --depfile top.d
judge 'depfile: the target' grep -q '^top.yaml:' top.d
for source in actors.klock crds/widgets.yaml crds policies/top.klock policies policies/deep; do
	judge "depfile: $source" grep -qx "  $source\( \\\\\)*" top.d
done
# What is written into would change with every build.
try 0 compile policies --root . --output-file policies/top.yaml --depfile top.d
judge 'depfile: not the directory that is written into' sh -c "! grep -qx '  policies\( .\)*' top.d"
rm policies/top.yaml
try 0 compile policies --root . --output-dir top --depfile top.d
judge 'depfile: every object is a target' grep -q '^top/validatingadmissionpolicy.*top/validating.*:' top.d
judge 'depfile: it is no target itself' sh -c "! grep -q 'top\.d' top.d"

# Each build counts how often klockc ran. Times of files are those of the last tick of the clock, some milliseconds ago.
cat >count-klockc <<END
#!/bin/sh
echo run >>runs
exec "$KLOCKC" "\$@"
END
chmod +x count-klockc
cat >Makefile <<'MAKE'
locks.yaml: policies/top.klock
	@./count-klockc compile policies --root . --output-file $@ --depfile locks.d
-include locks.d
MAKE
cat >build.ninja <<'NINJA'
rule klockc
  command = ./count-klockc compile policies --root . --output-file $out --depfile $out.d
  depfile = $out.d
build locks.yaml: klockc policies/top.klock
NINJA
# Runs the build and judges how often it ran klockc.
build() { # TIMES WHAT
	: >runs
	status=0
	$builder >out 2>err || status=$?
	judge "$builder: $2" test "$status" -eq 0 -a "$(wc -l <runs)" -eq "$1"
}
later() { sleep 0.1; }
builds() {
	rm -f locks.yaml locks.d locks.yaml.d .ninja_log .ninja_deps
	build 1 'the first build'
	build 0 'nothing changed'
	later
	echo '# a comment' >>actors.klock
	build 1 'an included file changed, and the output stays the same'
	build 0 'it is up to date again'
	later
	printf 'policy actors\nactor ops = user ops, user more\n' >actors.klock
	build 1 'an included file changed'
	judge "$builder: the output follows" grep -q "'more'" locks.yaml
	later
	widget gadget >crds/gadgets.yaml
	build 1 'a file more that a pattern matches'
	judge "$builder: it depends on that as well" grep -q 'crds/gadgets.yaml' locks.*d
	build 0 'it is up to date'
	later
	rm crds/gadgets.yaml
	build 1 'a file less'
	build 0 'it is up to date then'
	later
	printf 'policy more\nlock y { resources pods  namespace a  name b  deny delete  guard no owners, no namespace }\n' >policies/deep/more.klock
	build 1 'a policy more in a directory'
	judge "$builder: its objects are there" grep -q 'more-objects' locks.yaml
	build 0 'it is up to date with that'
	later
	rm policies/deep/more.klock
	build 1 'a policy less'
	later
	printf 'lock {\n' >policies/deep/more.klock
	: >runs
	status=0
	$builder >out 2>err || status=$?
	judge "$builder: a mistake fails the build" test "$status" -ne 0
	judge "$builder: the old output stays" grep -q 'top-objects' locks.yaml
	rm policies/deep/more.klock
	printf 'policy actors\nactor ops = user ops\n' >actors.klock
}
builder="${MAKE_PROGRAM:-make} --no-print-directory locks.yaml"
builds
if command -v ninja >/dev/null 2>&1; then
	builder=ninja
	builds
else
	skip 'ninja builds' 'there is no ninja'
fi
cd ..
