package web

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/aws/aws-lambda-go/events"

	"overseaspay/shared/payment"
)

// request makes a server request of a function URL event. Path and query are kept
// exactly as they were sent. With an error it still returns a request, enough to
// be answered and logged.
func request(ctx context.Context, payload []byte) (*http.Request, error) {
	var e events.LambdaFunctionURLRequest
	blank := (&http.Request{Method: "-", URL: &url.URL{Path: "/"}, Header: http.Header{}, Body: http.NoBody}).WithContext(ctx)
	if json.Unmarshal(payload, &e) != nil || e.RequestContext.HTTP.Method == "" {
		return blank, payment.Errorf(payment.InvalidArgument, "this is not a function URL event of payload version 2.0")
	}
	ctx = WithRequestID(ctx, e.RequestContext.RequestID)
	target, uri, err := location(e.RawPath, e.RawQueryString)
	if err != nil {
		return blank.WithContext(ctx), payment.Errorf(payment.InvalidArgument, "the path cannot be read")
	}
	r := &http.Request{
		Method: e.RequestContext.HTTP.Method, URL: target, RequestURI: uri,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header(e.Headers, e.Cookies), Host: e.RequestContext.DomainName,
		RemoteAddr: net.JoinHostPort(e.RequestContext.HTTP.SourceIP, "0"),
	}
	if r.Host == "" {
		r.Host = r.Header.Get("Host")
	}
	r.Header.Del("Host") // as net/http does
	body, err := content(e.Body, e.IsBase64Encoded)
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return r.WithContext(ctx), err
}

// location parses the request line's target, which must be a path.
func location(rawPath, rawQuery string) (target *url.URL, uri string, err error) {
	if uri = rawPath; uri == "" {
		uri = "/"
	}
	if uri[0] != '/' {
		return nil, "", errors.New("not a path")
	}
	if rawQuery != "" {
		uri += "?" + rawQuery
	}
	target, err = url.ParseRequestURI(uri)
	return target, uri, err
}

func header(lower map[string]string, cookies []string) http.Header {
	h := make(http.Header, len(lower)+1)
	for name, value := range lower {
		h.Add(name, value)
	}
	if len(cookies) > 0 {
		h.Set("Cookie", strings.Join(cookies, "; "))
	}
	return h
}

func content(text string, encoded bool) ([]byte, error) {
	body := []byte(text)
	if encoded {
		var err error
		if body, err = base64.StdEncoding.DecodeString(text); err != nil {
			return nil, payment.Errorf(payment.InvalidArgument, "the body is not the base64 that the event says it is")
		}
	}
	if len(body) > MaxBody {
		return nil, tooLarge()
	}
	return body, nil
}

// ClientIP is the caller's address as the connection has it; X-Forwarded-For is
// not looked at, as anybody can send one. It is never empty, since processors
// want an address: an unknown one is "127.0.0.1".
func ClientIP(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return "127.0.0.1"
	}
	return ip.Unmap().WithZone("").String()
}
