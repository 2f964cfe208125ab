// Command grants writes compiler/kubernetes/exemptions.def for the API servers that are built.
package main

import (
	"context"
	"log"
	"os"

	"klock.dev/e2e/cluster"
	"klock.dev/e2e/grants"
)

func main() {
	var servers []grants.Servers
	for _, minor := range cluster.Minors() {
		s, err := grants.Read(context.Background(), minor)
		if err != nil {
			log.Fatal(err)
		}
		servers = append(servers, s)
	}
	if len(servers) == 0 {
		log.Fatal("no servers: run tests/e2e/servers/build.sh")
	}
	text := grants.Text(cluster.Minors(), grants.Table(servers))
	if err := os.WriteFile(grants.Path(), []byte(text), 0o600); err != nil {
		log.Fatal(err)
	}
}
