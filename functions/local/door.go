package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"overseaspay/shared/web"
)

// doorPath is where commands knock while a server holds the bbolt file.
const doorPath = "/-/command"

// door lets commands of the same person use the server's open store: the address
// and a random token lie in a file beside the bbolt file that only its owner can
// read, and only loopback callers are let in.
type door struct {
	URL    string `json:"url"`
	Token  string `json:"token"`
	PID    int    `json:"pid"`
	path   string
	server *server
}

// knock is one command: its words, and the file that it names.
type knock struct {
	Name string   `json:"name"`
	Args []string `json:"args"`
	File []byte   `json:"file,omitempty"`
}

func doorFile(data string) string { return data + ".door" }

// openDoor writes the file, unless the store needs none.
func (s *server) openDoor() (*door, error) {
	d := &door{URL: s.url + doorPath, Token: rand.Text(), PID: os.Getpid(), server: s}
	if s.options.store != "embedded" || s.data == "" {
		return d, nil
	}
	raw, err := json.Marshal(d)
	if err != nil {
		return nil, err
	}
	d.path = doorFile(s.data)
	if err := os.MkdirAll(filepath.Dir(d.path), 0o700); err != nil {
		return nil, err
	}
	return d, os.WriteFile(d.path, raw, 0o600)
}

func (d *door) close() {
	if d.path != "" {
		_ = os.Remove(d.path)
	}
}

func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	host, _, _ := net.SplitHostPort(r.RemoteAddr)
	token, _ := web.Bearer(r)
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() || subtle.ConstantTimeCompare([]byte(token), []byte(d.Token)) != 1 {
		http.Error(w, "not for you", http.StatusForbidden)
		return
	}
	var k knock
	if err := json.NewDecoder(io.LimitReader(r.Body, 4<<20)).Decode(&k); err != nil {
		http.Error(w, "not a command", http.StatusBadRequest)
		return
	}
	var out bytes.Buffer
	if err := d.server.desk().do(r.Context(), k, &out); err != nil {
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
		return
	}
	_, _ = w.Write(out.Bytes())
}

// findDoor reads what the server that holds the file has left beside it.
func findDoor(data string) (d door, ok bool) {
	raw, err := os.ReadFile(doorFile(data))
	return d, err == nil && json.Unmarshal(raw, &d) == nil
}

// holder says who holds the file, as far as can be told.
func holder(data string) string {
	d, ok := findDoor(data)
	if !ok {
		return ""
	}
	return fmt.Sprintf(", by all signs the server at %s (process %d)", strings.TrimSuffix(d.URL, doorPath), d.PID)
}

// send hands a command to the server that holds the file. sent is false if there
// is none to be found.
func (k knock) send(ctx context.Context, data string, out io.Writer) (sent bool, err error) {
	d, ok := findDoor(data)
	if !ok {
		return false, nil
	}
	body, err := json.Marshal(k)
	if err != nil {
		return false, err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.URL, bytes.NewReader(body))
	if err != nil {
		return false, err
	}
	req.Header.Set("Authorization", "Bearer "+d.Token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return false, nil // the server died without taking its file along
	}
	defer res.Body.Close()
	reply, err := io.ReadAll(io.LimitReader(res.Body, 16<<20))
	switch {
	case err != nil:
		return true, err
	case res.StatusCode == http.StatusForbidden:
		return false, nil // another program answers there now
	case res.StatusCode != http.StatusOK:
		return true, errors.New(string(bytes.TrimSpace(reply)))
	}
	_, err = fmt.Fprint(out, string(reply))
	return true, err
}
