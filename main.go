// Command pandastack publishes a static site to object storage. See README.md.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/pandastack-io/pandastack/internal/cli"
)

func main() {
	cli.LimitHeap()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	os.Exit(cli.Main(ctx, os.Args[1:], cli.System()))
}
