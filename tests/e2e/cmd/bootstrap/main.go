// Command bootstrap writes compiler/kubernetes/bootstrap.def for the API servers that are built.
package main

import (
	"context"
	"log"
	"os"

	"klock.dev/e2e/bootstrap"
	"klock.dev/e2e/cluster"
)

func main() {
	var policies []bootstrap.Policy
	for _, minor := range cluster.Minors() {
		p, err := bootstrap.Read(context.Background(), minor)
		if err != nil {
			log.Fatal(err)
		}
		policies = append(policies, p)
	}
	if len(policies) == 0 {
		log.Fatal("no servers: run tests/e2e/servers/build.sh")
	}
	text, err := bootstrap.Text(policies)
	if err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile(bootstrap.Path(), []byte(text), 0o600); err != nil {
		log.Fatal(err)
	}
}
