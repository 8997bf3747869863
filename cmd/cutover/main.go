// Command cutover moves a product from one Kubernetes cluster to another as a sequence of reviewed pull requests.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"cutover/cmd/internal/cli"
)

// version is set by the linker.
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := cli.Run(ctx, os.Args[1:], cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}, version)
	stop()
	os.Exit(code)
}
