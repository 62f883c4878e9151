// Package link is what a short link is: an id that opens a page of the
// mini-program, or an order's payment page, until it expires. It does no I/O and
// must not know stores, HTTP, orders or WeChat's servers.
//
//	l := &link.Link{ID: link.NewID(link.Short), Merchant: "default", Path: "pages/index/index",
//		TimeCreate: now, TimeExpire: now.Add(link.MaxLife)}
package link

import (
	"crypto/rand"
	"strings"
	"time"
)

// How long a link can be good for, and how long after its end its counts are kept.
const (
	MinLife   = 120 * time.Second
	MaxLife   = 30 * 24 * time.Hour
	Afterlife = 30 * 24 * time.Hour
)

// Lengths of ids. A short one is typed from posters and guards nothing; a long one
// has over 128 random bits (62^22 > 2^128), as whoever knows it may pay the order.
const (
	Short = 8
	Long  = 22
)

// Env is where a link was opened.
type Env string

// Environments.
const (
	WeChat  Env = "wechat" // in WeChat's own browser
	Browser Env = "browser"
)

// Link leads to Path of the mini-program, or, with OutTradeNo, to a payment page.
// It never changes; how often it was opened is counted beside it.
type Link struct {
	ID         string    `json:"id"`
	Merchant   string    `json:"merchant"`
	Path       string    `json:"path,omitempty"` // no leading slash
	Query      string    `json:"query,omitempty"`
	Title      string    `json:"title,omitempty"`
	Channel    string    `json:"channel,omitempty"` // where it was put up; only logged
	OutTradeNo string    `json:"out_trade_no,omitempty"`
	Key        string    `json:"key,omitempty"` // of payment pages: signs their forms, never leaves
	TimeCreate time.Time `json:"time_create"`
	TimeExpire time.Time `json:"time_expire"`
}

// Expired reports that the link leads nowhere any more.
func (l *Link) Expired(now time.Time) bool { return !now.Before(l.TimeExpire) }

// Forgotten is when a store may drop the link and its counts.
func (l *Link) Forgotten() time.Time { return l.TimeExpire.Add(Afterlife) }

// Opens is how often a link was opened. As a link lives for 30 days, there are at
// most 31 days.
type Opens struct {
	Total int64
	ByDay map[string]int64 // by UTC day, 2006-01-02
	ByEnv map[Env]int64
}

const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// NewID makes a random id of n letters and digits, each equally likely.
func NewID(n int) string {
	id, chance := make([]byte, 0, n), make([]byte, 2*n)
	for len(id) < n {
		_, _ = rand.Read(chance) // never fails
		for _, c := range chance {
			// Of the 256 values 248 are a multiple of 62; the rest would favour some letters.
			if c < 248 && len(id) < n {
				id = append(id, alphabet[c%62])
			}
		}
	}
	return string(id)
}

// IsID reports whether a text could be a link's id. What is not never reaches a store.
func IsID(text string) bool {
	return (len(text) == Short || len(text) == Long) && strings.Trim(text, alphabet) == ""
}
