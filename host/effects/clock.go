package effects

import (
	"context"
	"time"

	"github.com/ambithost/ambit/host/gate"
)

func (c *Call) clockRead(ctx context.Context, args []byte) ([]byte, error) {
	if err := decode("clock.read", args, &struct{}{}); err != nil {
		return nil, err
	}
	var result struct {
		Now       string `json:"now"`
		Zone      string `json:"zone"`
		UnixMS    int64  `json:"unix_ms"`
		OwnerSeen string `json:"owner_seen,omitempty"`
	}
	err := c.gated(ctx, "clock.read", "clock", nil, args, func(context.Context, *gate.Flight) error {
		now, zone := c.e.cfg.Now(), c.e.cfg.Zone
		result.Now, result.Zone, result.UnixMS = now.In(zone).Format(time.RFC3339Nano), zone.String(), now.UnixMilli()
		if seen := c.e.cfg.OwnerSeen(); !seen.IsZero() {
			result.OwnerSeen = seen.In(zone).Format(time.RFC3339)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return encode(result)
}
