package sim

import (
	"context"
	"time"
)

// grace is what a call may take beyond the limit of its context: nothing is begun
// any more, but a step under way is allowed to end.
const grace = time.Second

// kill ends a container: none of its goroutines takes another step.
func (w *World) kill(c *container) {
	if !c.dead {
		c.dead = true
		w.deaths++
		w.trace.line("%s container %d (%s) dies", w.clock(), c.id, c.role)
	}
}

// invoke runs a function of ours in a container and waits for it. It reports
// whether the container lived to the end.
func (w *World) invoke(role, what string, limit time.Duration, serve func(context.Context, *container)) bool {
	w.leave()
	c := w.container(role)
	w.calls++
	me := &call{id: w.calls, in: c, what: what, began: time.Now()}
	ctx, cancel := context.WithTimeout(context.WithValue(context.Background(), callKey{}, me), limit-grace)
	defer cancel()
	ended := make(chan bool, 1)
	c.busy = true
	go func() {
		lived := false
		defer func() { ended <- lived }()
		serve(ctx, c)
		me.ended = true
		lived = true
	}()
	lived := <-ended
	c.busy = false
	if took := time.Since(me.began); lived && took > limit {
		w.violate("I12", "%s took %s, more than %s", what, took, limit)
	}
	if !lived && !w.over { // a world that is put away ends all at once
		w.trace.line("%s #%d %s: no answer, the container died", w.clock(), me.id, what)
	}
	return lived
}
