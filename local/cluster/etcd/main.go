// etcd, as its own project builds it: pinned here, so that a cluster of tests needs nothing installed.
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() { etcdmain.Main(os.Args) }
