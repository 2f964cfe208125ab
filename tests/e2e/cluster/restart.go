package cluster

import (
	"slices"
	"time"
)

// Restart ends everything but etcd and starts it again on the same data, as another minor if it is one, and with these flags
// of the API server besides those that it had. Everybody keeps address and credentials.
func (c *Cluster) Restart(minor string, apiServerFlags ...string) error {
	for _, p := range slices.Backward(c.processes) {
		if p.name != "etcd" {
			// An API server that leaves has something to write.
			p.stop(15 * time.Second)
		}
	}
	c.processes = slices.DeleteFunc(c.processes, func(p *process) bool { return p.name != "etcd" })
	c.Minor = minor
	c.options.APIServerFlags = append(slices.Clip(c.options.APIServerFlags), apiServerFlags...)
	if err := c.startAPIServer(); err != nil {
		return err
	}
	return c.startControllers()
}
