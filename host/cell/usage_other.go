//go:build !linux

package cell

import "time"

// UsageOf is not known here.
func UsageOf(int) (memory int64, cpu time.Duration) { return 0, 0 }
