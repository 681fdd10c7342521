package feed

import (
	"context"
	"fmt"
	"io"
	"net/http"
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
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("feed: %w", err)
	}
	client := registry.NewClient(u)
	defer client.CloseIdleConnections()
	res, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("feed: %w", err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("feed: %s answered %s", u.Host, res.Status)
	}
	b, err := io.ReadAll(io.LimitReader(res.Body, MaxBytes+1))
	if err == nil && len(b) > MaxBytes {
		err = fmt.Errorf("has more than %d bytes", MaxBytes)
	}
	if err != nil {
		return nil, fmt.Errorf("feed: %s: %w", u.Host, err)
	}
	return b, nil
}
