// Command secret-sync makes Kubernetes Secrets of what is below a path in Vault, in the cluster where it runs.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"cutover/cmd/internal/secretsync"
)

// version is set by the linker.
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := secretsync.Main(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr, version)
	stop()
	os.Exit(code)
}
