package cell

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/hashicorp/go-hclog"

	"github.com/ambithost/ambit/sdk/protocol"
)

// A plugin's log: so many lines at once, then so many a second.
const (
	logBurst  = 200
	logRate   = 50
	slowdown  = time.Millisecond // for each line beyond
	reportGap = time.Second
)

// pluginLog passes a plugin's lines on: no faster than the rate, none longer
// than the cap, and nothing in them that steers a terminal or forges a line.
type pluginLog struct {
	to hclog.Logger

	mu      sync.Mutex
	tokens  float64
	last    time.Time
	dropped int
	told    time.Time
}

func newPluginLog(to hclog.Logger, plugin string) *pluginLog {
	return &pluginLog{to: to.With("plugin", plugin), tokens: logBurst, last: time.Now()}
}

// line logs one line. It reports false when the line was dropped: the caller
// should then slow the plugin down.
func (l *pluginLog) line(level, message string) bool {
	dropped, ok := l.admit(time.Now())
	if dropped > 0 {
		l.to.Warn("the plugin logs too much", "lines_dropped", dropped)
	}
	if ok {
		l.to.Log(levelOf(level), plain(message, protocol.MaxLog))
	}
	return ok
}

func (l *pluginLog) admit(now time.Time) (tell int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tokens = min(logBurst, l.tokens+now.Sub(l.last).Seconds()*logRate)
	l.last = now
	if l.tokens < 1 {
		l.dropped++
		return 0, false
	}
	l.tokens--
	if l.dropped > 0 && now.Sub(l.told) > reportGap {
		tell, l.dropped, l.told = l.dropped, 0, now
	}
	return tell, true
}

func levelOf(name string) hclog.Level {
	switch name {
	case "trace":
		return hclog.Trace
	case "debug":
		return hclog.Debug
	case "warn":
		return hclog.Warn
	case "error":
		return hclog.Error
	}
	return hclog.Info
}

// stderr is a writer that logs lines.
func (l *pluginLog) stderr() *lineWriter { return &lineWriter{log: l} }

type lineWriter struct {
	log  *pluginLog
	mu   sync.Mutex
	rest []byte
}

// Write implements io.Writer.
func (w *lineWriter) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rest = append(w.rest, b...)
	for {
		line, after, found := bytes.Cut(w.rest, []byte("\n"))
		switch {
		case found:
			w.rest = after
		case len(w.rest) >= protocol.MaxLog:
			line, w.rest = w.rest, nil
		default:
			return len(b), nil
		}
		if len(bytes.TrimSpace(line)) > 0 {
			w.log.line("debug", string(line))
		}
	}
}

// plain makes text from a cell fit for people: at most limit bytes of one
// line, control and format characters (escapes, reordering, line separators)
// written out.
func plain(s string, limit int) string {
	s = strings.TrimRight(s, "\r\n")
	var b strings.Builder
	for i, r := range s {
		if b.Len() >= limit {
			b.WriteString("…")
			break
		}
		_, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t' || r == ' ' || unicode.IsPrint(r):
			b.WriteRune(r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}
