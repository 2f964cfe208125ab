// Command discover prints compiler/kubernetes/resources.def for the newest API server that is built.
package main

import (
	"fmt"
	"log"
	"os"

	"k8s.io/client-go/discovery"

	"klock.dev/e2e/cluster"
	"klock.dev/e2e/resources"
)

func main() {
	table, err := table()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(table)
}

func table() (string, error) {
	c, err := cluster.Start(cluster.Options{})
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(c.Dir)
	defer c.Stop()
	client, err := discovery.NewDiscoveryClientForConfig(c.Config)
	if err != nil {
		return "", err
	}
	return resources.Table(client)
}
