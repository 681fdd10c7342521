package feed

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"github.com/ambithost/ambit/registry"
)

// fetchTime is how long one look may take.
const fetchTime = 15 * time.Second

// CheckURL reads the address of a feed: https, or http on this machine.
func CheckURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && (u.Scheme != "http" || !registry.IsHere(u.Hostname())) {
		return nil, fmt.Errorf("feed: %.200q: want an https URL", s)
	}
	return u, nil
}

// Fetch gets a feed's file. Nothing about it is verified yet.
func Fetch(ctx context.Context, u *url.URL) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTime)
	defer cancel()
	b, err := registry.Get(ctx, u, MaxBytes)
	if err != nil {
		return nil, fmt.Errorf("feed: %w", err)
	}
	return b, nil
}
