package effects

import (
	"context"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/time/rate"

	"github.com/ambithost/ambit/host/gate"
	"github.com/ambithost/ambit/sdk/capability"
	"github.com/ambithost/ambit/sdk/protocol"
)

const logBurst = 100

// lineLimit bounds how fast one plugin may log.
type lineLimit struct{ *rate.Limiter }

func newLineLimit(perSecond float64) *lineLimit {
	return &lineLimit{rate.NewLimiter(rate.Limit(perSecond), logBurst)}
}

// logWrite is limited before the gate: a flood must not fill the audit log
// either.
func (c *Call) logWrite(ctx context.Context, args []byte) ([]byte, error) {
	var a struct {
		Level   string `json:"level"`
		Message string `json:"message"`
	}
	if err := decode("log.write", args, &a); err != nil {
		return nil, err
	}
	level := hclog.LevelFromString(a.Level)
	if level == hclog.NoLevel || level == hclog.Off {
		return nil, protocol.Errorf(protocol.Invalid, "log.write: level %.20q: want trace, debug, info, warn or error", a.Level)
	}
	if !c.e.plugin(c.caller.Plugin).logs.AllowN(c.e.cfg.Now(), 1) {
		return nil, protocol.Errorf(protocol.Limit, "log.write: more than %g lines a second", c.e.cfg.Limits.LogPerSecond)
	}
	err := c.gated(ctx, "log.write", level.String(), capability.Attributes{"level": level.String()}, args, func(context.Context, *gate.Flight) error {
		c.e.log.Named(c.caller.Plugin).Log(level, oneLine(a.Message, protocol.MaxLog))
		return nil
	})
	if err != nil {
		return nil, err
	}
	return empty, nil
}
