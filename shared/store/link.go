package store

import (
	"context"
	"time"

	"overseaspay/shared/link"
)

// LinkStore keeps links with their counts, and beside them two small things that
// must hold for all processes at once: values that are remembered for a while, and
// counters with a limit. Keys of those hold a slash, which no link's id does. It is
// safe for concurrent use. ErrNotFound and ErrConflict as with [Store].
type LinkStore interface {
	// PutLink stores a new link. ErrConflict if its id is taken.
	PutLink(ctx context.Context, l *link.Link) error

	// GetLink loads a link, consistently, with its counts; also one that has expired,
	// until it is forgotten. ErrNotFound.
	GetLink(ctx context.Context, id string) (*link.Link, link.Opens, error)

	// OpenLink counts one opening and loads the link, in one step. ErrNotFound, for
	// an expired one too. A lost answer may count an opening twice.
	OpenLink(ctx context.Context, id string, env link.Env, now time.Time) (*link.Link, error)

	// Remember keeps a value under a key until a moment, unless one is kept there
	// already: that one is returned then, and stays.
	Remember(ctx context.Context, key, value string, now, until time.Time) (kept string, err error)

	// Recall returns what is kept under a key. ErrNotFound.
	Recall(ctx context.Context, key string, now time.Time) (string, error)

	// Take counts one under a key, up to limit, and reports whether there was one
	// left. The count is forgotten some time after until: use a key once.
	Take(ctx context.Context, key string, limit int64, until time.Time) (bool, error)
}
