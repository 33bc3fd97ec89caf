# An external authoriser for Drover (docs/sovereignty.md; src/road/opa.h has the questions). Try it:
#
#   opa run --server --addr 127.0.0.1:8181 examples/opa/drover.rego
#   # drover.yaml
#   policy:
#     opa: {url: "http://127.0.0.1:8181/v1/data/drover/decision"}
#
# Drover asks about all things of a kind at once and does without those that are not in `allow`.
# A rule that asks for a fact which nobody states is not met: write what must be so, not what must
# not, and a thing of which nothing is known is refused.
package drover

import rego.v1

decision := {"allow": allow, "why": why}

# Public data may go anywhere.
allow contains thing.id if {
	some thing in input.things
	input.data.sensitivity == "public"
	input.action != "manage"
}

# Other data only to models and tools whose provider has no parent outside the Union, and to this
# server's own store.
allow contains thing.id if {
	some thing in input.things
	thing.jurisdiction in {"eu", "de", "fr"}
}

allow contains thing.id if {
	some thing in input.things
	input.action == "store"
}

why[thing.id] := reason if {
	some thing in input.things
	input.action != "manage"
	not thing.id in allow
	reason := sprintf("its jurisdiction is %s", [object.get(thing, "jurisdiction", "not stated")])
}

# Verbs: what a key's scopes allow is allowed here, but an intern exports nothing.
allow contains verb.id if {
	some verb in input.things
	input.action == "manage"
	not export_by_intern(verb.id)
}

export_by_intern(verb) if {
	verb == "export"
	input.name == "intern"
}

why[verb.id] := "interns export nothing" if {
	some verb in input.things
	input.action == "manage"
	export_by_intern(verb.id)
}
