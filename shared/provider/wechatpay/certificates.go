package wechatpay

import (
	"bytes"
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"strings"
	"sync"
	"time"

	"overseaspay/shared/provider"
	"overseaspay/shared/provider/internal/wire"
)

// refreshEvery is the least time between two downloads of certificates. Serials
// come from whoever posts to us, and must not become calls to WeChat.
const refreshEvery = time.Minute

// certified is a platform certificate's key, and how long it may be used.
type certified struct {
	key         *rsa.PublicKey
	after, till time.Time
}

// keyring holds the keys that WeChat signs with, by serial. Fixed ones come from
// the settings and never change; the others are fetched when first named.
type keyring struct {
	fixed map[string]*rsa.PublicKey
	fetch func(context.Context) (map[string]certified, error)
	now   func() time.Time
	turn  chan struct{} // whoever fetches holds it, and owns what follows

	asked  time.Time
	failed error // what came of the last download, if it told nothing

	mu    sync.RWMutex
	certs map[string]certified
}

func newKeyring(now func() time.Time, fetch func(context.Context) (map[string]certified, error)) *keyring {
	return &keyring{
		fixed: make(map[string]*rsa.PublicKey), fetch: fetch, now: now, turn: make(chan struct{}, 1),
	}
}

// known returns the key of a serial if it is here and valid now.
func (k *keyring) known(serial string) *rsa.PublicKey {
	if key := k.fixed[serial]; key != nil {
		return key
	}
	k.mu.RLock()
	c := k.certs[serial]
	k.mu.RUnlock()
	return c.at(k.now())
}

// at returns the key if the certificate is valid at a moment.
func (c certified) at(now time.Time) *rsa.PublicKey {
	if c.key == nil || now.Before(c.after) || now.After(c.till) {
		return nil
	}
	return c.key
}

// find returns the key of a serial, and downloads the certificates once if it is
// unknown and looks like one of theirs. Callers that come meanwhile wait for that
// one download. A failed download counts towards the limit as well; until the next
// one nobody can say whose an unknown serial is, which is errNotNow.
func (k *keyring) find(ctx context.Context, serial string) (*rsa.PublicKey, error) {
	if key := k.known(serial); key != nil {
		return key, nil
	}
	if len(serial) > 40 || strings.Trim(serial, "0123456789ABCDEFabcdef") != "" {
		return nil, errSerial // public keys are handed out in the console only
	}
	select {
	case k.turn <- struct{}{}:
		defer func() { <-k.turn }()
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: %w", errNotNow, ctx.Err())
	}
	if key := k.known(serial); key != nil {
		return key, nil
	}
	if now := k.now(); k.asked.IsZero() || now.Sub(k.asked) >= refreshEvery {
		k.asked, k.failed = now, k.refresh(ctx)
	}
	switch key := k.known(serial); {
	case key != nil:
		return key, nil
	case k.failed != nil:
		return nil, fmt.Errorf("%w: %w", errNotNow, k.failed)
	}
	return nil, errSerial
}

// refresh replaces all certificates: one that WeChat no longer lists is no longer
// good. That WeChat has none for this merchant is an answer too.
func (k *keyring) refresh(ctx context.Context) error {
	certs, err := k.fetch(ctx)
	switch {
	case provider.KindOf(err) == provider.NotFound:
		return nil
	case err != nil:
		return err
	}
	k.mu.Lock()
	k.certs = certs
	k.mu.Unlock()
	return nil
}

// certificates downloads the platform certificates. Nothing can vouch for the first
// download beforehand: it is decrypted with the APIv3 key, then its own signature is
// verified with the certificate it brought, or with a key from the settings.
func (p *v3) certificates(ctx context.Context) (map[string]certified, error) {
	op := p.name + ": certificates"
	reply, err := p.send(ctx, op, http.MethodGet, p.system.certificates, nil)
	if err != nil {
		return nil, err
	}
	if reply.Status != http.StatusOK {
		e := refusal(op, reply)
		if len(p.keys.fixed) > 0 && hasNone(reply.Status, e) {
			e.Kind = provider.NotFound
		}
		return nil, e
	}
	certs, err := p.readCertificates(op, reply.Body)
	if err != nil {
		return nil, err
	}
	s, err := readSeal(reply.Header, p.now())
	if err != nil {
		return nil, provider.Errorf(provider.Unknown, op, "the answer does not verify: %w", err)
	}
	key := p.keys.fixed[s.serial]
	if key == nil {
		key = certs[s.serial].at(p.now())
	}
	if key == nil || !rsaFits(key, s.text(reply.Body), s.signature) {
		return nil, provider.Errorf(provider.Unknown, op, "the answer does not verify: %w", errSign)
	}
	return certs, nil
}

// hasNone reports that a merchant with a public key is told that it has no
// certificates. The facts do not say in which words, so every definite no counts,
// but none to the signature or the rate.
func hasNone(status int, e *provider.Error) bool {
	switch status {
	case http.StatusNotFound:
		return true
	case http.StatusUnauthorized, http.StatusTooManyRequests:
		return false
	}
	return e.Kind == provider.Declined || status == http.StatusForbidden && isCode(e, "NO_AUTH")
}

// readCertificates decrypts a download and reads every certificate in it.
func (p *v3) readCertificates(op string, body []byte) (map[string]certified, error) {
	var list v3Certificates
	if err := wire.JSON(op, body, &list); err != nil {
		return nil, err
	}
	certs := make(map[string]certified, len(list.Data))
	for _, d := range list.Data {
		plain, err := d.Certificate.open(p.aead)
		if err != nil {
			return nil, provider.Errorf(provider.Unknown, op, "a certificate cannot be decrypted, check apiv3_key: %w", err)
		}
		c, err := readCertificate(d.SerialNo, plain)
		if err != nil {
			return nil, provider.Errorf(provider.Unknown, op, "%w", err)
		}
		certs[d.SerialNo] = c
	}
	return certs, nil
}

// readCertificate reads a PEM certificate, whose serial must be the one announced.
func readCertificate(serial string, plain []byte) (certified, error) {
	block, _ := pem.Decode(bytes.TrimSpace(plain))
	if block == nil {
		return certified{}, errors.New("a certificate is not PEM")
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return certified{}, errors.New("a certificate cannot be read")
	}
	key, ok := cert.PublicKey.(*rsa.PublicKey)
	said, hex := new(big.Int).SetString(serial, 16)
	if !ok || !hex || said.Cmp(cert.SerialNumber) != 0 {
		return certified{}, errors.New("a certificate has another serial, or no RSA key")
	}
	return certified{key: key, after: cert.NotBefore, till: cert.NotAfter}, nil
}
