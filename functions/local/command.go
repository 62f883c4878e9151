package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"overseaspay/shared/config"
	"overseaspay/shared/store"
)

// desk carries out commands on an open store, in this process or in the server
// that holds the file.
type desk struct {
	*server
}

func (s *server) desk() desk { return desk{s} }

// command runs one of the commands that need a store: through the server that
// holds the bbolt file, if there is one, else with the store opened here.
func command(ctx context.Context, name string, args []string, out io.Writer) error {
	var o options
	fs := flag.NewFlagSet(name, flag.ContinueOnError)
	storeFlags(fs, &o)
	merchant := fs.String("merchant", config.DefaultMerchant, "whose orders or config item")
	words, err := parse(fs, args)
	if err != nil {
		return err
	}
	if len(words) == 0 {
		return fmt.Errorf("%s what? try: go run ./functions/local help", name)
	}
	k := knock{Name: name, Args: append([]string{*merchant}, words...)}
	if name == "config" && (words[0] == "check" || words[0] == "put") {
		if len(words) < 2 {
			return fmt.Errorf("name a file: go run ./functions/local config %s FILE", words[0])
		}
		if k.File, err = os.ReadFile(words[1]); err != nil {
			return err
		}
		if words[0] == "check" {
			return checkCommand(ctx, k, words[1], out)
		}
		if _, err := readItems(k.File, configID()); err != nil {
			return fmt.Errorf("%s: %w", words[1], err)
		}
	}
	if o.store == "embedded" {
		if o.data == "" {
			return errors.New(`-data "" is a store in a server's own memory, which no command can reach`)
		}
		if sent, err := k.send(ctx, o.data, out); sent {
			return err
		}
	}
	b, closeStore, err := o.open(ctx, name == "config" && words[0] == "put")
	if err != nil {
		return err
	}
	defer closeStore()
	s := &server{options: o, url: "http://127.0.0.1", log: slog.New(slog.DiscardHandler), store: newStream(b)}
	if err := s.build(ctx); err != nil {
		return err
	}
	return s.desk().do(ctx, k, out)
}

// parse lets flags stand before, between and after the words.
func parse(fs *flag.FlagSet, args []string) (words []string, err error) {
	for {
		if err := fs.Parse(args); err != nil {
			return nil, err
		}
		if fs.NArg() == 0 {
			return words, nil
		}
		words, args = append(words, fs.Arg(0)), fs.Args()[1:]
	}
}

// do runs a command; its first argument is the merchant.
func (d desk) do(ctx context.Context, k knock, out io.Writer) error {
	if len(k.Args) < 2 {
		return errors.New("incomplete command")
	}
	merchant, verb, rest := k.Args[0], k.Args[1], k.Args[2:]
	verbs := map[string]func() error{
		"config put":   func() error { return d.configPut(ctx, k.File, out) },
		"config get":   func() error { return d.configGet(ctx, merchant, rest, out) },
		"order show":   func() error { return d.orderShow(ctx, merchant, rest, out) },
		"order list":   func() error { return d.orderList(ctx, merchant, rest, out) },
		"order sync":   func() error { return d.orderSync(ctx, merchant, rest, out) },
		"order resend": func() error { return d.orderResend(ctx, merchant, rest, out) },
	}
	run, ok := verbs[k.Name+" "+verb]
	if !ok {
		return fmt.Errorf("no command %q; try: go run ./functions/local help", k.Name+" "+verb)
	}
	return run()
}

func (d desk) configPut(ctx context.Context, file []byte, out io.Writer) error {
	items, err := readItems(file, configID())
	if err != nil {
		return err
	}
	if url := d.sandboxURL(); url != "" {
		relocate(items, url)
	}
	verdicts, err := check(items, d.env)
	if err != nil {
		return err
	}
	for _, v := range verdicts {
		v.printWarnings(out)
	}
	if err := put(ctx, d.store, items); err != nil {
		return err
	}
	for _, it := range items {
		fmt.Fprintln(out, "stored", it.id)
	}
	return nil
}

// configGet writes an item to a file with everything in it, or to the terminal
// with its secrets blotted out.
func (d desk) configGet(ctx context.Context, merchant string, rest []string, out io.Writer) error {
	id := configID()
	if merchant != config.DefaultMerchant {
		id += ":" + merchant
	}
	raw, err := d.store.GetConfig(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("there is no config item %q", id)
	}
	if err != nil {
		return err
	}
	toFile := len(rest) > 0 && rest[0] != "-"
	if !toFile {
		raw = config.Redact(raw)
	}
	pretty, err := json.MarshalIndent(raw, "", "  ")
	if err != nil {
		return err
	}
	pretty = append(pretty, '\n')
	if !toFile {
		_, err = out.Write(pretty)
		return err
	}
	if err := os.WriteFile(rest[0], pretty, 0o600); err != nil {
		return err
	}
	fmt.Fprintln(out, "wrote", id, "to", rest[0], "with all its secrets")
	return nil
}

// short is a time for people, "" for none.
func short(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}
