// Command local is the whole cashier on one localhost port: the functions as on
// AWS, a store in a file, every processor simulated, and a console. It needs no
// AWS account, no Docker and no Node:
//
//	go run ./functions/local                     # make run
//	go run ./functions/local config check FILE
//	go run ./functions/local help
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

const usage = `Overseas Pay on this machine.

  local [serve] [flags]        serve pay, notify, sandbox and console on one port
  local config check FILE      say what is wrong with config items, what to look at, what is assumed
  local config put FILE        store it
  local config get FILE        write the stored item to FILE, - for the terminal (secrets blotted out)
  local order show NUMBER      how an order stands, what happened when, what comes next, what to do
  local order list [DAY]       the orders made on a UTC day (2006-01-02; default today)
  local order sync NUMBER      ask the processors about an open order and its refunds now
  local order resend NUMBER    tell the shop its events again, those it took as well
  local providers              what each processor can do

config and order take -data, -store and -merchant NAME, before or after their words.

Flags of serve:
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// run dispatches to a command. The first word names it; without one it is serve.
func run(ctx context.Context, args []string, out, logs io.Writer) error {
	name := "serve"
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		name, args = args[0], args[1:]
	}
	switch name {
	case "serve":
		o, err := serveOptions(args, logs)
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		if err != nil {
			return err
		}
		return serve(ctx, o, out, logs)
	case "config", "order":
		return command(ctx, name, args, out)
	case "providers":
		return providersCommand(out)
	case "help":
		_, err := serveOptions([]string{"-h"}, out)
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return err
	}
	return fmt.Errorf("no command %q; try: go run ./functions/local help", name)
}
