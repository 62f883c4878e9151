package web

import (
	"errors"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"overseaspay/shared/payment"
)

// SessionLife is how long a session is good for after login.
const SessionLife = 2 * time.Hour

// MinSecret is the shortest session secret, in bytes; shorter ones sign nothing
// and verify nothing.
const MinSecret = 32

const (
	issuer   = "overseaspay"
	audience = "overseaspay/user"
	leeway   = 30 * time.Second // containers' clocks differ
)

// Session is what a user has proved by logging in.
type Session struct {
	Merchant string // whose shop
	AppID    string // which mini-program
	OpenID   string // who, within the mini-program; personal, never logged
}

// claims is a session as a JWT carries it.
type claims struct {
	jwt.RegisteredClaims        // sub is the openid
	Merchant             string `json:"merchant"`
	AppID                string `json:"appid"`
}

// Validate is called by the parser after the signature was found good.
func (c claims) Validate() error {
	if !isMerchant(c.Merchant) || c.Subject == "" {
		return errors.New("not a session of ours")
	}
	return nil
}

// IssueSession signs a session with the first of the merchant's secrets, as a JWT
// (HS256). expiresIn is in seconds. Secrets that are missing or too short are
// config_invalid.
func IssueSession(s Session, secrets []string, now time.Time) (token string, expiresIn int, err error) {
	if len(secrets) == 0 || len(secrets[0]) < MinSecret {
		return "", 0, payment.Errorf(payment.ConfigInvalid, "session_secret: must be at least %d bytes", MinSecret)
	}
	c := claims{Merchant: s.Merchant, AppID: s.AppID, RegisteredClaims: jwt.RegisteredClaims{
		Issuer: issuer, Audience: jwt.ClaimStrings{audience}, Subject: s.OpenID,
		IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(SessionLife)),
	}}
	if err := c.Validate(); err != nil {
		return "", 0, payment.Errorf(payment.Internal, "a session needs a merchant and an openid").Because(err)
	}
	token, err = jwt.NewWithClaims(jwt.SigningMethodHS256, c).SignedString([]byte(secrets[0]))
	return token, int(SessionLife / time.Second), err
}

// VerifySession reads a session. Any of the merchant's secrets may have signed it;
// secretsOf is told which merchant the token claims, unproved until a secret fits,
// and answers none for a merchant that does not exist. Every bad token is the same
// unauthenticated error, save that an expired one says so. An error of secretsOf
// is returned as it is, since an outage says nothing about the token.
func VerifySession(token string, secretsOf func(merchant string) ([]string, error), now time.Time) (Session, error) {
	var c claims
	var outage error
	keys := func(*jwt.Token) (any, error) {
		if err := c.Validate(); err != nil {
			return nil, err
		}
		secrets, err := secretsOf(c.Merchant)
		if err != nil {
			outage = err
			return nil, err
		}
		return keySet(secrets), nil
	}
	_, err := jwt.NewParser(
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}), jwt.WithStrictDecoding(),
		jwt.WithIssuer(issuer), jwt.WithAudience(audience), jwt.WithExpirationRequired(), jwt.WithIssuedAt(),
		jwt.WithLeeway(leeway), jwt.WithTimeFunc(func() time.Time { return now }),
	).ParseWithClaims(token, &c, keys)
	switch {
	case err == nil:
		return Session{Merchant: c.Merchant, AppID: c.AppID, OpenID: c.Subject}, nil
	case outage != nil:
		return Session{}, outage
	case errors.Is(err, jwt.ErrTokenExpired):
		return Session{}, payment.Errorf(payment.Unauthenticated, "the session has expired; call login again").Because(err)
	}
	return Session{}, payment.Errorf(payment.Unauthenticated, "the session is not valid; call login again").Because(err)
}

func keySet(secrets []string) jwt.VerificationKeySet {
	var set jwt.VerificationKeySet
	for _, s := range secrets {
		if len(s) >= MinSecret {
			set.Keys = append(set.Keys, []byte(s))
		}
	}
	return set
}
