package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"overseaspay/shared/store"
	"overseaspay/shared/store/dynamo"
	"overseaspay/shared/store/embedded"
)

// Defaults of the contract.
const (
	defaultData   = ".local/pay.db"
	defaultConfig = ".local/config.json"
)

// options are the flags of serve; commands share the first three.
type options struct {
	data, store, config string
	addr                string
	sandbox             bool
	sweep               time.Duration
	demo                bool // the config file is ours to write at the first start
}

func storeFlags(fs *flag.FlagSet, o *options) {
	fs.StringVar(&o.data, "data", defaultData, `bbolt file with orders and config, "" for memory`)
	fs.StringVar(&o.store, "store", "embedded", "embedded, or dynamodb: the tables named in ORDERS_TABLE, CONFIG_TABLE, LINKS_TABLE")
}

func serveOptions(args []string, out io.Writer) (options, error) {
	var o options
	fs := flag.NewFlagSet("local", flag.ContinueOnError)
	fs.SetOutput(out)
	fs.Usage = func() { fmt.Fprint(out, usage); fs.PrintDefaults() }
	storeFlags(fs, &o)
	fs.StringVar(&o.addr, "addr", "127.0.0.1:3000", "where to listen")
	fs.StringVar(&o.config, "config", defaultConfig, "JSON config item, or a list of them; stored at the start and whenever it changes")
	fs.BoolVar(&o.sandbox, "sandbox", true, "serve the simulated processors")
	fs.DurationVar(&o.sweep, "sweep", time.Second, "how often to look for orders that are due")
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	given := map[string]bool{}
	fs.Visit(func(f *flag.Flag) { given[f.Name] = true })
	o.demo = !given["config"]
	switch {
	case fs.NArg() > 0:
		return o, fmt.Errorf("serve takes no arguments, got %q", fs.Arg(0))
	case o.store != "embedded" && o.store != "dynamodb":
		return o, errors.New("-store must be embedded or dynamodb")
	case o.sweep <= 0:
		return o, errors.New("-sweep must be positive")
	}
	return o, nil
}

// backend is what both stores are.
type backend interface {
	store.Store
	store.ConfigStore
	store.LinkStore
}

// open opens the store that the flags name; close releases it. What is missing is
// made if create is set, else it is an error.
func (o options) open(ctx context.Context, create bool) (b backend, close func() error, err error) {
	if o.store == "embedded" {
		s, err := o.openFile(create)
		if err != nil {
			return nil, nil, err
		}
		return s, s.Close, nil
	}
	for _, name := range []string{"ORDERS_TABLE", "CONFIG_TABLE"} {
		if os.Getenv(name) == "" {
			return nil, nil, fmt.Errorf("-store dynamodb: %s is not set; ORDERS_TABLE, CONFIG_TABLE and LINKS_TABLE name the tables, which are outputs of the stack", name)
		}
	}
	cfg, err := awsconfig.LoadDefaultConfig(ctx, awsconfig.WithHTTPClient(awshttp.NewBuildableClient().WithTimeout(10*time.Second)))
	if err != nil {
		return nil, nil, err
	}
	s, err := dynamo.New(dynamo.Config{Client: dynamodb.NewFromConfig(cfg), OrdersTable: os.Getenv("ORDERS_TABLE"),
		ConfigTable: os.Getenv("CONFIG_TABLE"), LinksTable: os.Getenv("LINKS_TABLE")})
	if err == nil && create {
		err = s.CreateTables(ctx)
	}
	return s, func() error { return nil }, err
}

func (o options) openFile(create bool) (*embedded.Store, error) {
	if _, err := os.Stat(o.data); !create && errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no store at %s; make run makes one, or name its file with -data", o.data)
	}
	s, err := embedded.Open(o.data)
	if errors.Is(err, embedded.ErrHeld) {
		return nil, fmt.Errorf("%w%s; stop that one, or name another file with -data", err, holder(o.data))
	}
	return s, err
}
